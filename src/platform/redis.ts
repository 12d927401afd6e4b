import { Cluster, Redis } from 'ioredis'
import type { Config } from './config.ts'
import type { Logger } from './logger.ts'

/** Retries for ever with a short, bounded pause: Redis that comes back is found within a second. */
const retryStrategy = (tries: number): number => Math.min(50 * 2 ** Math.min(tries, 5), 1000)

/**
 * A connection to Redis. Commands fail at once while it is away instead of waiting in memory (`offline: 'fail'`), except
 * for blocking readers such as BullMQ's workers, which must wait (`'wait'`). Errors are logged once per loss.
 *
 * Whoever subscribes does so again at each `ready`, and catches what fails. ioredis 6.0 would do it by itself with promises
 * that nobody holds: a connection that breaks in that very moment then ends the process (seen under CLIENT KILL).
 */
export function openRedis(
  config: Pick<Config, 'REDIS_URL'>,
  log: Logger,
  use: string,
  offline: 'fail' | 'wait' = 'fail',
): Redis {
  const shared = {
    connectionName: `switchboard-${use}`,
    maxRetriesPerRequest: offline === 'fail' ? 1 : null,
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    connectTimeout: 5000,
  }
  const enableOfflineQueue = offline === 'wait'
  const [first = '', ...others] = config.REDIS_URL
  const redis =
    others.length === 0
      ? new Redis(first, { ...shared, retryStrategy, enableOfflineQueue, autoResubscribe: false })
      : // BullMQ and the adapter take either; what we call exists on both.
        (new Cluster([first, ...others], {
          redisOptions: shared,
          clusterRetryStrategy: retryStrategy,
          enableOfflineQueue,
        }) as unknown as Redis)
  let lost = false
  redis.on('error', (error: Error) => {
    if (!lost) log.warn({ use, reason: error.message }, 'redis is away')
    lost = true
  })
  redis.on('ready', () => {
    if (lost) log.info({ use }, 'redis is back')
    lost = false
  })
  return redis
}
