import type { RequestHandler } from 'express'
import { pinoHttp } from 'pino-http'
import { addressOf, requestIdOf } from '../http/request-context.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'

/**
 * One line per answer: which route, how long, for which address. No headers, no bodies and no query strings, so no
 * secret can come in. Probes are only logged when debugging.
 */
export function requestLog(log: Logger, metrics: Metrics): RequestHandler {
  const write = pinoHttp({
    logger: log,
    quietReqLogger: true,
    wrapSerializers: false,
    serializers: {
      req: (request: Parameters<RequestHandler>[0]) => ({
        id: requestIdOf(request),
        method: request.method,
        path: shownPath(request.originalUrl),
        ip: addressOf(request),
      }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
      // Written down by the error handler, which knows what it was.
      err: () => undefined,
    },
    customLogLevel: (request, response) =>
      response.statusCode >= 500
        ? 'warn'
        : /\/(health|ready|metrics)$/.test(request.url ?? '')
          ? 'debug'
          : 'info',
    customSuccessMessage: () => 'answered',
    customErrorMessage: () => 'answered',
  })
  return (request, response, next) => {
    const stop = metrics.httpRequests.startTimer({ method: request.method })
    response.once('finish', () => {
      stop({ route: routeOf(request), status: String(response.statusCode) })
    })
    write(request, response)
    next()
  }
}

/** Without the query, and without the part of a webhook address that only the network may know. */
function shownPath(url: string): string {
  return (url.split('?', 1)[0] ?? '').replace(/(\/webhooks\/evolution\/)[^/]+/i, '$1********')
}

/** The pattern, never the path: a label must not grow with ids. */
function routeOf(request: Parameters<RequestHandler>[0]): string {
  const pattern: unknown = request.route?.path
  return typeof pattern === 'string' ? `${request.baseUrl}${pattern}` : 'none'
}
