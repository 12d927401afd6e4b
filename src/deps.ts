import type { Redis } from 'ioredis'
import type { AuthDeps } from './auth/entry.ts'
import { redisDoorbell } from './doorbell/redis-doorbell.ts'
import { sealOf } from './doorbell/seal.ts'
import { foundBusiness } from './domain/tenants/found-business.ts'
import { entities } from './entities.ts'
import { systemClock } from './platform/clock.ts'
import type { Config } from './platform/config.ts'
import { openDb } from './platform/db.ts'
import { openJobs } from './platform/jobs.ts'
import { createLogger, type Logger } from './platform/logger.ts'
import { createMetrics, type Metrics } from './platform/metrics.ts'
import { openRedis } from './platform/redis.ts'
import { openStorage, type Storage } from './platform/storage.ts'

/** A configuration whose servers are known: given by the operator, or filled in by src/embedded. */
export type ServedConfig = Config & { readonly DATABASE_URL: string; readonly S3_ENDPOINT: string }

/** What every process of ours is made of. Functions ask for the part that they need. */
export interface Deps extends AuthDeps {
  readonly config: ServedConfig
  readonly log: Logger
  readonly metrics: Metrics
  /** For short commands; fails at once while Redis is away. */
  readonly redis: Redis
  /** The private bucket of attachments. */
  readonly storage: Storage
  close(): Promise<void>
}

/** Opens the servers of one process. Nothing is awaited: whatever is away is found by the first use and by /ready. */
export function openDeps(config: ServedConfig, name: string): Deps {
  const log = createLogger(config, name)
  const metrics = createMetrics()
  const db = openDb(config, entities, name)
  const redis = openRedis(config, log, `${name}-commands`)
  const doorbell = redisDoorbell(redis, openRedis(config, log, `${name}-bells`), {
    prefix: config.REDIS_PREFIX,
    seal: sealOf(config.ENCRYPTION_KEY),
    newsBytes: config.DOORBELL_NEWS_BYTES,
  })
  const storage = openStorage(config)
  const jobs = openJobs(redis, config, (error) => {
    log.debug({ reason: String(error) }, 'a nudge was lost')
  })
  const facts = {
    db,
    doorbell,
    jobs,
    clock: systemClock,
    checkEvents: config.NODE_ENV !== 'production',
    metrics,
  }
  return {
    ...facts,
    config,
    log,
    redis,
    storage,
    foundTenant: (business) => foundBusiness(facts, business),
    close: async () => {
      await jobs.close()
      await doorbell.close()
      storage.close()
      await db.close()
    },
  }
}
