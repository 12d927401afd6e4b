import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Deps } from '../src/deps.ts'

/**
 * What a gateway that runs alone answers to balancers and scrapers: /health without touching anything, /ready while the
 * database answers and it is not draining (without Redis it is ready, and says that it is degraded), /metrics.
 */
export async function answerProbe(
  deps: Pick<Deps, 'config' | 'db' | 'doorbell' | 'metrics'>,
  isOpen: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://gateway')
  const path = pathname.startsWith(deps.config.BASE_PATH)
    ? pathname.slice(deps.config.BASE_PATH.length)
    : pathname
  if (path === '/health') return answer(response, 200, { status: 'ok' })
  if (path === '/ready') {
    const database = await deps.db.read.query('select 1').then(
      () => true,
      () => false,
    )
    const redis = deps.doorbell.connected
    const ready = isOpen && database
    return answer(response, ready ? 200 : 503, {
      status: !ready ? 'not ready' : redis ? 'ready' : 'degraded',
      database,
      redis,
    })
  }
  if (path === '/metrics') {
    response.writeHead(200, { 'content-type': deps.metrics.registry.contentType })
    response.end(await deps.metrics.registry.metrics())
    return
  }
  answer(response, 404, { code: 'not_found' })
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
