import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from './config.ts'
import type { Metrics } from './metrics.ts'
import { type ReadinessDeps, readinessOf } from './readiness.ts'

/**
 * What a gateway or workers that run alone answer to balancers and scrapers, as the REST server does: /health without
 * touching anything, /ready while there should be work for them, /metrics.
 */
export function probes(
  deps: ReadinessDeps & { readonly metrics: Metrics; readonly config: Pick<Config, 'BASE_PATH'> },
  isDraining: () => boolean,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const readiness = readinessOf(deps)
  return async (request, response) => {
    const path = (request.url ?? '').split('?')[0]?.replace(deps.config.BASE_PATH, '')
    if (path === '/health') return answer(response, 200, { status: 'ok' })
    if (path === '/ready') {
      const { ready, status, checks } = await readiness(isDraining())
      return answer(response, ready ? 200 : 503, { status, checks })
    }
    if (path === '/metrics') {
      response.writeHead(200, { 'content-type': deps.metrics.registry.contentType })
      response.end(await deps.metrics.registry.metrics())
      return
    }
    answer(response, 404, { code: 'not_found' })
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
