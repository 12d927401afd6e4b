import { errors, Failure } from '../src/contract/errors.ts'
import { isUnavailable } from '../src/platform/db.ts'
import type { Logger } from '../src/platform/logger.ts'

/**
 * What a worker does with an error of a job: nothing but log it, once. The work is a row that stays due, so the sweep or
 * the next nudge takes it up again; retries of the queue would only repeat the nudge.
 */
export function logFailure(log: Logger, job: string, error: unknown): void {
  const passing = error instanceof Failure && errors[error.code].then === 'later' && error.code !== 'internal'
  if (!passing && !isUnavailable(error)) {
    log.error({ job, err: error }, 'a job failed')
    return
  }
  const { cause = error } = error as Error
  log.warn(
    { job, reason: cause instanceof Error ? cause.message : 'unavailable' },
    'a job waits for better times',
  )
}
