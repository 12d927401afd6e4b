import { startRest } from '../../src/rest/server.ts'
import type { Problem } from '../../src/contract/rest/problem.ts'
import { checkAnswer } from './check-answer.ts'
import type { Hub } from './hub.ts'

export interface RestRequest {
  /** Bearer of the request; none when left out. */
  readonly token?: string
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
}

export interface RestAnswer<Body> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Parsed when it is JSON. */
  readonly body: Body
}

export interface RestClient {
  /** Where the server listens, without BASE_PATH. */
  readonly origin: string
  call<Body = Record<string, unknown>>(
    method: string,
    path: string,
    request?: RestRequest,
  ): Promise<RestAnswer<Body>>
  /** A request that must be refused; the problem. */
  refused(method: string, path: string, request?: RestRequest): Promise<Problem & { headers: Headers }>
}

/** Starts the REST server of a hub on a free port, until the hub closes, and speaks to it over real HTTP. */
export async function startRestOf(hub: Hub): Promise<RestClient> {
  const server = await startRest(hub.deps, { port: 0 })
  hub.onClose(() => server.close())
  return restClient(`http://127.0.0.1:${server.port}`, hub.config.BASE_PATH)
}

/** Speaks to a REST server; every answer must be one that the OpenAPI document promises. */
export function restClient(origin: string, basePath = ''): RestClient {
  const call: RestClient['call'] = async <Body>(method: string, path: string, request: RestRequest = {}) => {
    const response = await fetch(`${origin}${basePath}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(request.token === undefined ? {} : { authorization: `Bearer ${request.token}` }),
        ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(request.json === undefined ? {} : { body: JSON.stringify(request.json) }),
      ...(request.raw === undefined ? {} : { body: request.raw }),
    })
    const text = await response.text()
    checkAnswer(method, path, { status: response.status, headers: response.headers, text })
    const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson && text !== '' ? JSON.parse(text) : text) as Body,
    }
  }
  return {
    origin,
    call,
    refused: async (method, path, request) => {
      const answer = await call<Problem>(method, path, request)
      if (answer.status < 400)
        throw new Error(`${method} ${path} was not refused: ${answer.status} ${answer.text}`)
      if (!answer.headers.get('content-type')?.startsWith('application/problem+json'))
        throw new Error(`${method} ${path} was refused without a problem: ${answer.text}`)
      return { ...answer.body, headers: answer.headers }
    },
  }
}
