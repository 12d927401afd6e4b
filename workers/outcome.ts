import { errors, Failure } from '../src/contract/errors.ts'
import type { Logger } from '../src/platform/logger.ts'

/**
 * What a worker does with an error of a job: nothing but log it, once. The work is a row that stays due, so the sweep or
 * the next nudge takes it up again; retries of the queue would only repeat the nudge.
 */
export function logFailure(log: Logger, job: string, error: unknown): void {
  if (error instanceof Failure && errors[error.code].then === 'later' && error.code !== 'internal') {
    log.warn(
      { job, code: error.code, reason: String(error.cause ?? error.message) },
      'a job waits for better times',
    )
    return
  }
  log.error({ job, err: error }, 'a job failed')
}
