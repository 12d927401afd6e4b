import type { Request, RequestHandler } from 'express'
import { addressOf, requestIdOf } from '../http/request-context.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'

/**
 * One line per answer: which route, how long, for which address. No headers, no bodies and no query strings, so no
 * secret can come in. Probes are only logged when debugging. Nothing is put together for a line that is not written.
 */
export function requestLog(log: Logger, metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now()
    const stop = metrics.httpRequests.startTimer({ method: request.method })
    response.once('close', () => {
      const isAnswered = response.writableFinished
      if (isAnswered) stop({ route: routeOf(request), status: String(response.statusCode) })
      const level = levelOf(request, response.statusCode)
      if (!log.isLevelEnabled(level)) return
      const req = {
        id: requestIdOf(request),
        method: request.method,
        path: shownPath(request.originalUrl),
        ip: addressOf(request),
      }
      const responseTime = Math.round(performance.now() - startedAt)
      if (isAnswered) log[level]({ req, res: { status: response.statusCode }, responseTime }, 'answered')
      else log[level]({ req, responseTime }, 'the caller went away before the answer')
    })
    next()
  }
}

const probe = /\/(health|ready|metrics)$/

function levelOf(request: Request, status: number): 'warn' | 'info' | 'debug' {
  if (status >= 500) return 'warn'
  return probe.test(request.path) ? 'debug' : 'info'
}

/** Without the query, and without the part of a webhook address that only the network may know. */
function shownPath(url: string): string {
  return (url.split('?', 1)[0] ?? '').replace(/(\/webhooks\/evolution\/)[^/]+/i, '$1********')
}

/** The pattern, never the path: a label must not grow with ids. */
function routeOf(request: Request): string {
  const pattern: unknown = request.route?.path
  return typeof pattern === 'string' ? `${request.baseUrl}${pattern}` : 'none'
}
