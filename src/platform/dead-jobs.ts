import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Config } from './config.ts'
import { queueNames } from './jobs.ts'

/** A nudge that BullMQ gave up: its worker died with it more than once. The row that it is about stays due regardless. */
export interface DeadJob {
  readonly queue: string
  readonly id: string
  readonly reason: string
  readonly data: unknown
  readonly failedAt: string | null
}

/**
 * Nudges that were given up, and, with `retry`, put back in line; at most `limit` of them. Ours are thrown away when they
 * fail (jobs.ts), so there are some only when a worker could not even do that, or of an older release.
 */
export async function deadJobs(
  connection: Redis,
  config: Pick<Config, 'REDIS_PREFIX'>,
  { limit, retry }: { readonly limit: number; readonly retry: boolean },
): Promise<DeadJob[]> {
  const found: DeadJob[] = []
  for (const name of queueNames) {
    if (found.length >= limit) break
    const queue = new Queue(name, { connection, prefix: config.REDIS_PREFIX, skipVersionCheck: true })
    try {
      for (const job of await queue.getFailed(0, limit - found.length - 1)) {
        if (retry) await job.retry('failed')
        found.push({
          queue: name,
          id: job.id ?? '',
          reason: job.failedReason ?? '',
          data: job.data,
          failedAt: job.finishedOn === undefined ? null : new Date(job.finishedOn).toISOString(),
        })
      }
    } finally {
      await queue.close()
    }
  }
  return found
}
