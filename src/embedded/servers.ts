import { claimDirectory } from './directory-lock.ts'
import type { EmbeddedOptions, EmbeddedServer, ServerProcess } from './embedded-server.ts'
import { type Kept, keepRunning } from './keep-running.ts'
import { type EmbeddedObjectStore, startObjectStore } from './object-store/server.ts'
import { startPostgres } from './postgres.ts'
import { type EmbeddedRedis, startRedis } from './redis.ts'

export interface EmbeddedServers {
  postgres?: ServerProcess
  redis?: EmbeddedRedis
  objectStore?: EmbeddedObjectStore
  /** Whoever waits to end waits for this first: what is away comes back without a pause, or is lost. */
  hurry(): Promise<void>
  /** Stops what was started, the last first, and gives the data directory back. Calling it again does nothing. */
  stop(): Promise<void>
}

/** Which servers nobody else provides. */
export interface Need {
  postgres: boolean
  redis: boolean
  objectStore: boolean
}

/**
 * Starts the needed servers side by side, all with their data under `dataDir`, which this process then has for itself.
 * When one does not start, the others are stopped again and the error of the first is thrown. Logs one line for each.
 *
 * With `lost`, PostgreSQL and Redis are started again when they end by themselves; `lost` hears of one that does not stay
 * up, in a sentence. Without it, whoever started them sees to that.
 */
export async function startEmbedded(
  options: EmbeddedOptions & { need: Need; lost?: (why: string) => void },
): Promise<EmbeddedServers> {
  const { need, log, lost } = options
  const release = claimDirectory(options.dataDir)
  const started: EmbeddedServer[] = []
  const start = async <T extends EmbeddedServer>(
    name: string,
    starter: (options: EmbeddedOptions) => Promise<T>,
  ) => {
    const server = await starter(options)
    started.push(server)
    log(`${name}: port ${server.port}, ${server.from}, ready after ${Math.round(server.startedInMs)} ms`)
    return server
  }
  let stopping: Promise<void> | undefined
  const kept: Kept[] = []
  const stopAll = async () => {
    await Promise.all(kept.map((one) => one.letGo()))
    for (const server of started.toReversed()) await server.stop()
    release()
  }
  const stop = () => (stopping ??= stopAll())

  const [postgres, redis, objectStore] = await Promise.allSettled([
    need.postgres ? start('PostgreSQL', startPostgres) : undefined,
    need.redis ? start('Redis', startRedis) : undefined,
    need.objectStore ? start('object store', startObjectStore) : undefined,
  ])
  if (postgres.status === 'rejected' || redis.status === 'rejected' || objectStore.status === 'rejected') {
    await stop()
    const failed = [postgres, redis, objectStore].find((one) => one.status === 'rejected')
    throw failed?.reason
  }
  if (lost) {
    if (postgres.value) kept.push(keepRunning('PostgreSQL', postgres.value, { log, lost }))
    if (redis.value) kept.push(keepRunning('Redis', redis.value, { log, lost }))
  }
  return {
    ...(postgres.value && { postgres: postgres.value }),
    ...(redis.value && { redis: redis.value }),
    ...(objectStore.value && { objectStore: objectStore.value }),
    hurry: async () => {
      await Promise.all(kept.map((one) => one.hurry()))
    },
    stop,
  }
}
