import type { ErrorRequestHandler } from 'express'
import { errors, Failure } from '../contract/errors.ts'
import type { Problem, RequestFault } from '../contract/rest/problem.ts'
import { requestIdOf } from '../http/request-context.ts'
import { isUnavailable } from '../platform/db.ts'
import type { Logger } from '../platform/logger.ts'

const secondsUntilRetry = 1

/** The document of a failure. Only what the catalogue and the failure's details say; nothing of our insides. */
export function problemOf(failure: Failure, requestId: string): Problem {
  const entry = errors[failure.code]
  const { errors: faults, ...details } = failure.details
  return {
    type: `urn:switchboard:problem:${failure.code}`,
    title: entry.means,
    status: entry.http,
    detail: entry.http >= 500 ? entry.means : failure.message,
    code: failure.code,
    then: entry.then,
    requestId,
    ...(Array.isArray(faults) ? { errors: faults as RequestFault[] } : {}),
    ...(Object.keys(details).length > 0 ? { details } : {}),
  }
}

/** What Express, its body reader and the database throw, as one of ours. What nobody foresaw is `internal`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error
  const { type, code, status } = (error ?? {}) as { type?: unknown; code?: unknown; status?: unknown }
  if (type === 'entity.too.large') return new Failure('payload_too_large', {}, { cause: error })
  if (type === 'encoding.unsupported') return new Failure('unsupported_media_type', {}, { cause: error })
  // A body that was cut off, has another length than it said, or does not unpack.
  if (typeof type === 'string' && type.startsWith('request.'))
    return new Failure('malformed_json', {}, { cause: error })
  if (typeof code === 'string' && code.startsWith('Z_'))
    return new Failure('malformed_json', {}, { cause: error })
  // An address that does not decode names nothing.
  if (error instanceof URIError) return new Failure('not_found', {}, { cause: error })
  if (isUnavailable(error) || code === lockTimeout || code === statementTimeout)
    return new Failure('unavailable', {}, { cause: error })
  if (typeof code === 'string' && dataOutOfRange.has(code))
    return new Failure('validation_failed', {}, { cause: error })
  if (status === 400) return new Failure('malformed_json', {}, { cause: error })
  return new Failure('internal', {}, { cause: error })
}

const lockTimeout = '55P03'
const statementTimeout = '57014'
/** Text that the column's type or encoding cannot hold, numbers past its range. */
const dataOutOfRange = new Set(['22021', '22P05', '22P02', '22003', '22008'])

/** The last handler: one problem document for whatever went wrong, logged here and only here. */
export function errorResponse(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const failure = failureOf(error)
    const requestId = requestIdOf(request)
    const { http, then } = errors[failure.code]
    if (failure.code === 'internal')
      log.error({ err: failure.cause ?? failure, requestId }, 'a request failed')
    else if (http >= 500 || failure !== error)
      log.warn({ code: failure.code, reason: reasonOf(failure), requestId }, 'a request was not served')
    if (response.headersSent) {
      next(error)
      return
    }
    const { retryAfterMs, allow } = failure.details
    if (then === 'later')
      response.set(
        'retry-after',
        String(typeof retryAfterMs === 'number' ? Math.ceil(retryAfterMs / 1000) : secondsUntilRetry),
      )
    if (http === 401) response.set('www-authenticate', 'Bearer')
    if (Array.isArray(allow)) response.set('allow', allow.join(', '))
    response
      .status(http)
      .type('application/problem+json')
      .send(JSON.stringify(problemOf(failure, requestId)))
  }
}

function reasonOf(failure: Failure): string {
  const { cause } = failure
  return cause instanceof Error ? cause.message : failure.message
}
