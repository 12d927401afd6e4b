import { type Response, Router } from 'express'
import { healthView, readinessView } from '../contract/rest/health.ts'
import { declare, plain } from '../http/declaration.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Readiness } from '../platform/readiness.ts'

/**
 * /health: the process turns; it asks nobody, so that a database that is away does not get healthy processes killed.
 * /ready: it should get requests. /metrics: what it counts.
 */
export function healthRoutes(
  deps: { readonly metrics: Metrics },
  readiness: () => Promise<Readiness>,
): Router {
  const router = Router()
  router.get(
    '/health',
    declare(
      { ...plain, does: 'Says that the process turns', answers: { 200: healthView } },
      (_request, response) => {
        send(response, 200, { status: 'ok' })
      },
    ),
  )
  router.get(
    '/ready',
    declare(
      {
        ...plain,
        does: 'Says whether it should get requests',
        answers: { 200: readinessView, 503: readinessView },
      },
      async (_request, response) => {
        const { ready, status, checks } = await readiness()
        send(response, ready ? 200 : 503, { status, checks })
      },
    ),
  )
  router.get(
    '/metrics',
    declare(
      {
        ...plain,
        does: 'Says what the process counts, for Prometheus',
        answers: { 200: { body: 'text/plain' } },
      },
      async (_request, response) => {
        response.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics())
      },
    ),
  )
  return router
}

function send(response: Response, status: number, body: object): void {
  response.status(status).json(body)
}
