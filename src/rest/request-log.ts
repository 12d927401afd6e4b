import type { Request, RequestHandler } from 'express'
import { addressOf, requestIdOf } from '../http/request-context.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'

/**
 * One line per answer: which route, how long, for which address. No headers, no bodies and no query strings, so no
 * secret can come in. Probes are only logged when debugging. Nothing is put together for a line that is not written.
 */
export function requestLog(log: Logger, metrics: Metrics): RequestHandler {
  const time = timesOf(metrics)
  return (request, response, next) => {
    const startedAt = performance.now()
    response.once('close', () => {
      const isAnswered = response.writableFinished
      if (isAnswered) time(request, response.statusCode, (performance.now() - startedAt) / 1000)
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

/** Notes how long a request took. By the series itself: to find it by its labels costs as much as the rest of the line. */
function timesOf({ httpRequests }: Metrics) {
  const series = new Map<string, ReturnType<typeof httpRequests.labels>>()
  return ({ method, route, baseUrl }: Request, status: number, seconds: number): void => {
    const pattern = routeOf(route, baseUrl)
    const name = `${method} ${pattern} ${status}`
    let one = series.get(name)
    if (!one) {
      one = httpRequests.labels({ method, route: pattern, status: String(status) })
      series.set(name, one)
    }
    one.observe(seconds)
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
function routeOf(route: Request['route'], baseUrl: string): string {
  const pattern: unknown = route?.path
  return typeof pattern === 'string' ? `${baseUrl}${pattern}` : 'none'
}
