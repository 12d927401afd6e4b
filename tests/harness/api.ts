import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { authenticate } from '../../src/auth/authenticate.ts'
import { conversationRoutes } from '../../src/domain/conversations/conversations.routes.ts'
import { messageRoutes } from '../../src/domain/messages/messages.routes.ts'
import { crmRoutes } from '../../src/domain/records/crm.routes.ts'
import { searchRoutes } from '../../src/domain/search/search.routes.ts'
import { syncRoutes } from '../../src/domain/sync/sync.routes.ts'
import { beginRequest, enter } from '../../src/http/request-context.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { errorResponse } from '../../src/rest/error-response.ts'
import { checkAnswer } from './check-answer.ts'
import type { Hub } from './hub.ts'

export interface ApiAnswer<Body> {
  readonly status: number
  readonly body: Body
}

/** The messaging routes (under /api/v1) and the records (paths that begin with /admin) of a hub behind a real port, without the limits and headers of the REST process. */
export interface Api {
  call<Body = Record<string, unknown>>(
    token: string,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<ApiAnswer<Body>>
  /** GET that must succeed. */
  get<Body>(token: string, path: string): Promise<Body>
}

/** Serves the routes until the hub closes. */
export async function startApi(hub: Hub): Promise<Api> {
  const app = express()
  app.disable('etag')
  app.set('query parser', 'simple')
  app.use(express.json())
  app.use(async (request, _response, next) => {
    beginRequest(request, uuidv7())
    enter(request, await authenticate(hub.deps, (request.get('authorization') ?? '').slice('Bearer '.length)))
    next()
  })
  for (const routes of [conversationRoutes, messageRoutes, searchRoutes, syncRoutes])
    app.use('/api/v1', routes(hub.deps))
  app.use('/admin', crmRoutes(hub.deps))
  app.use(errorResponse(hub.deps.log))
  const server = createServer(app)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  hub.onClose(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const call: Api['call'] = async <Body>(
    token: string,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const place = `${path.startsWith('/admin/') ? '' : '/api/v1'}${path}`
    const response = await fetch(`${origin}${place}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    checkAnswer(method, place, { status: response.status, headers: response.headers, text })
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as Body }
  }
  return {
    call,
    get: async <Body>(token: string, path: string) => {
      const answer = await call<Body>(token, 'GET', path)
      if (answer.status !== 200)
        throw new Error(`GET ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body
    },
  }
}
