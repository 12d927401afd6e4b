import { once } from 'node:events'
import { resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { redisDoorbell } from '../doorbell/redis-doorbell.ts'
import { sealOf } from '../doorbell/seal.ts'
import { silentDoorbell } from '../doorbell/silent-doorbell.ts'
import { findRunning } from '../embedded/running.ts'
import { entities } from '../entities.ts'
import type { LogDeps } from '../log/tenant-tx.ts'
import { systemClock } from '../platform/clock.ts'
import { type Config, readConfig } from '../platform/config.ts'
import type { SettingName } from '../platform/config-keys.ts'
import { openDb } from '../platform/db.ts'
import { openJobs, silentJobs } from '../platform/jobs.ts'
import { createLogger, type Logger } from '../platform/logger.ts'
import { openRedis } from '../platform/redis.ts'
import { ServerAway } from './failure.ts'

/** The configuration as the processes have it, with the addresses of embedded servers that run. */
export interface Found {
  readonly config: Config
  /** Settings that nobody gave and that come from a running embedded server. */
  readonly fromEmbedded: ReadonlySet<SettingName>
}

/** Reads the configuration and looks for embedded servers in place of those that it does not name. Starts nothing. */
export async function findInstallation(): Promise<Found> {
  const given = readConfig()
  const needed = [given.DATABASE_URL, given.REDIS_URL[0], given.S3_ENDPOINT].includes(undefined)
  const running = needed ? await findRunning(given.DATA_DIR) : {}
  const store = given.S3_ENDPOINT === undefined ? running.objectStore : undefined
  const filled = {
    ...(given.DATABASE_URL === undefined && running.postgres && { DATABASE_URL: running.postgres.url }),
    ...(given.REDIS_URL.length === 0 && running.redis && { REDIS_URL: [running.redis.url] }),
    ...(store && {
      S3_ENDPOINT: store.endpoint,
      S3_REGION: store.region,
      S3_ACCESS_KEY: store.accessKey,
      S3_SECRET_KEY: store.secretKey,
    }),
  }
  return { config: { ...given, ...filled }, fromEmbedded: new Set(Object.keys(filled) as SettingName[]) }
}

export type WithDatabase = Config & { readonly DATABASE_URL: string }

/** Fails with ServerAway when there is no database to talk to. */
export function withDatabase(config: Config): WithDatabase {
  if (config.DATABASE_URL !== undefined) return config as WithDatabase
  throw new ServerAway(
    `no server is running in ${resolve(config.DATA_DIR)}; start it with npm start, or set DATABASE_URL`,
  )
}

/** What commands are made of: the log, and Redis to tell about it when there is one. */
export interface Installation extends LogDeps {
  readonly config: WithDatabase
  /** Undefined when no Redis is configured or running, or it does not answer: then polls and sweeps find what we did. */
  readonly redis: Redis | undefined
  /** Says nothing: what a command has to say is its answer. */
  readonly log: Logger
}

/** How long a command waits for Redis before it goes on without. */
const redisPatienceMs = 1500

/**
 * Does `work` with the servers of this installation and closes them. What was rung and nudged is with Redis when it ends.
 * Fails with ServerAway, or as connections to the database fail.
 */
export async function withInstallation<T>(work: (installation: Installation) => Promise<T>): Promise<T> {
  const { config: found } = await findInstallation()
  const config = withDatabase(found)
  const log = createLogger({ LOG_LEVEL: 'silent' }, 'cli')
  const publisher = config.REDIS_URL.length > 0 ? openRedis(config, log, 'cli') : undefined
  const redis = publisher && (await isReady(publisher)) ? publisher : undefined
  if (!redis) publisher?.disconnect()
  const doorbell = redis
    ? redisDoorbell(redis, openRedis(config, log, 'cli-bells'), {
        prefix: config.REDIS_PREFIX,
        seal: sealOf(config.ENCRYPTION_KEY),
        newsBytes: config.DOORBELL_NEWS_BYTES,
      })
    : silentDoorbell
  const jobs = redis ? openJobs(redis, config, () => {}) : silentJobs
  const db = openDb(config, entities, 'cli')
  try {
    return await work({
      config,
      redis,
      log,
      db,
      doorbell,
      jobs,
      clock: systemClock,
      checkEvents: true,
    })
  } finally {
    // Bells are rung at the end of the turn in which they were asked for.
    await setImmediate()
    await jobs.close()
    await doorbell.close()
    await db.close()
  }
}

async function isReady(redis: Redis): Promise<boolean> {
  if (redis.status === 'ready') return true
  try {
    await once(redis, 'ready', { signal: AbortSignal.timeout(redisPatienceMs) })
    return true
  } catch {
    return false
  }
}
