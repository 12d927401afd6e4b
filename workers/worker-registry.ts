import { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Deps } from '../src/deps.ts'
import type { JobData, QueueName } from '../src/platform/jobs.ts'
import { openRedis } from '../src/platform/redis.ts'
import { logFailure } from './outcome.ts'

/** What to do when a nudge of each name arrives. Handlers look at rows; the nudge only says where. */
export type Handlers = {
  readonly [Name in QueueName]?: (data: JobData[Name]) => Promise<unknown>
}

export interface WorkerRegistry {
  /** Takes no more nudges and settles when the handlers that run have ended. */
  close(): Promise<void>
}

/** Nudges that one process handles at a time per name; a handler that must do less at once sees to it itself. */
const nudgesAtOnce = 64

/** Starts one BullMQ worker per name. They wait for Redis however long it is away, and the sweep does their work meanwhile. */
export function startWorkerRegistry(deps: Deps, handlers: Handlers): WorkerRegistry {
  const watched = (Object.keys(handlers) as QueueName[]).map((name) => {
    const handler = handlers[name] as (data: JobData[QueueName]) => Promise<unknown>
    return new WatchedWorker(deps, name, handler)
  })
  return {
    close: async () => {
      await Promise.all(watched.map((worker) => worker.close()))
    },
  }
}

/**
 * A BullMQ worker that is built anew when it stays silent: nudges wait, Redis answers us, and still it takes none. Workers
 * that never come back after a loss of Redis are a known family of faults, and a connection that is dead without
 * knowing it looks the same.
 */
class WatchedWorker {
  readonly #deps: Deps
  readonly #name: QueueName
  readonly #handler: (data: JobData[QueueName]) => Promise<unknown>
  readonly #watch: NodeJS.Timeout
  readonly #whenIdle: (() => void)[] = []
  #current: { worker: Worker; connection: Redis }
  #closing = false
  #running = 0
  #taken = 0
  #takenBefore = 0
  #silentLooks = 0

  constructor(deps: Deps, name: QueueName, handler: (data: JobData[QueueName]) => Promise<unknown>) {
    this.#deps = deps
    this.#name = name
    this.#handler = handler
    this.#current = this.#build()
    this.#watch = setInterval(() => {
      this.#look().catch(() => {
        // Redis is away; it is looked at again.
      })
    }, deps.config.SWEEP_MS)
    this.#watch.unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#watch)
    this.#closing = true
    if (this.#running > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
    const { worker, connection } = this.#current
    // Forced, because nothing runs any more and BullMQ would wait for a Redis that may be away for good.
    await worker.close(true)
    connection.disconnect()
  }

  #build(): { worker: Worker; connection: Redis } {
    const { config, log } = this.#deps
    const connection = openRedis(config, log, `worker-${this.#name}`, 'wait')
    const worker = new Worker(
      this.#name,
      async (job) => {
        // A nudge that is dropped costs nothing: the row it is about stays due.
        if (this.#closing) return
        this.#taken += 1
        this.#running += 1
        try {
          await this.#handler(job.data)
        } catch (error) {
          logFailure(log, this.#name, error)
        } finally {
          this.#running -= 1
          if (this.#running === 0) for (const tell of this.#whenIdle.splice(0)) tell()
        }
      },
      {
        connection,
        prefix: config.REDIS_PREFIX,
        concurrency: nudgesAtOnce,
        skipVersionCheck: true,
        // What a process that died had taken is another's when BullMQ's hold on it, 30 s, has run out. A row would be found by
        // the sweep anyway; a read mark has none.
        stalledInterval: config.SWEEP_MS,
      },
    )
    // Losing Redis is logged once by its connection; BullMQ would say so for every command.
    worker.on('error', (error) =>
      log.debug({ job: this.#name, reason: error.message }, 'a worker has trouble'),
    )
    return { worker, connection }
  }

  async #look(): Promise<void> {
    const { redis, config, log } = this.#deps
    if (redis.status !== 'ready') return
    const waiting = await redis.llen(`${config.REDIS_PREFIX}:${this.#name}:wait`)
    const silent = waiting > 0 && this.#running === 0 && this.#taken === this.#takenBefore
    this.#takenBefore = this.#taken
    this.#silentLooks = silent ? this.#silentLooks + 1 : 0
    if (this.#silentLooks < 2) return
    this.#silentLooks = 0
    log.warn({ job: this.#name, waiting }, 'a worker stayed silent and is built anew')
    this.#deps.metrics.workersRebuilt.inc({ job: this.#name })
    const { worker, connection } = this.#current
    this.#current = this.#build()
    void worker.close(true).catch(() => {})
    connection.disconnect()
  }
}
