import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as it came over the wire. `path` holds the query too. */
export interface StandInRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
  /** The body as JSON, undefined when it is none. */
  readonly json: unknown
  /** The parts of a multipart body. */
  form(): Promise<FormData>
}

/**
 * What the server does with a request. `reset` cuts the connection after the whole request was read, `reset-mid-body` after
 * half of the answer, `stall` never answers, `stall-mid-body` sends half of the answer and then nothing.
 */
export interface StandInAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly text?: string
  readonly bytes?: Uint8Array
  readonly delayMs?: number
  readonly fault?: 'reset' | 'reset-mid-body' | 'stall' | 'stall-mid-body'
}

export interface StandInRule {
  readonly method?: string
  /** Equal to the path without its query, or a pattern over the path with it. Every path when left out. */
  readonly path?: string | RegExp
  readonly answer: StandInAnswer | ((request: StandInRequest) => StandInAnswer | Promise<StandInAnswer>)
}

/** A recorded exchange as in tests/fixtures/whatsapp/send. */
export interface StandInPair {
  readonly request: { readonly method: string; readonly url: string; readonly body?: unknown }
  readonly response: {
    readonly status: number
    readonly headers?: Record<string, string>
    readonly body?: unknown
    readonly bodyText?: string
    readonly bodyBase64?: string
  }
}

/** A real HTTP server on 127.0.0.1 that plays a provider. It answers 404 to what no rule covers, and closes itself. */
export interface StandIn extends AsyncDisposable {
  readonly url: string
  /** `127.0.0.1:port`, as it goes on a media allow-list. */
  readonly host: string
  readonly requests: readonly StandInRequest[]
  /** Answers every request that fits, until a newer rule fits too. */
  always(rule: StandInRule): void
  /** Answers one request that fits; these come before `always`, in the order they were given. */
  once(rule: StandInRule): void
  /** Plays the answer of a recorded exchange once, under the path of its URL without the Graph version. */
  play(pair: StandInPair): void
  /** From now on, this share of the requests is answered 500, 502 or 503; which ones follows from the seed alone. */
  unsteady(seed: number, share: number): void
  /** The next request that arrives from now on. */
  next(): Promise<StandInRequest>
  close(): Promise<void>
}

export async function startStandIn(): Promise<StandIn> {
  const requests: StandInRequest[] = []
  const always: StandInRule[] = []
  const onces: StandInRule[] = []
  const waiting: ((request: StandInRequest) => void)[] = []
  let fails: () => boolean = () => false

  const server = createServer((incoming, response) => {
    void answerOne(incoming, response)
  })
  server.keepAliveTimeout = 1_000

  async function answerOne(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await record(incoming).catch(() => undefined)
    if (request === undefined) return
    requests.push(request)
    for (const tell of waiting.splice(0)) tell(request)
    if (fails()) {
      const status = [500, 502, 503][requests.length % 3] ?? 500
      await write(response, { status, headers: { 'content-type': 'text/html' }, text: '<h1>no</h1>' })
      return
    }
    const rule = take(request)
    const answer = typeof rule?.answer === 'function' ? await rule.answer(request) : rule?.answer
    await write(
      response,
      answer ?? { status: 404, json: { standIn: `no rule for ${request.method} ${request.path}` } },
    )
  }

  function take(request: StandInRequest): StandInRule | undefined {
    const index = onces.findIndex((rule) => fits(rule, request))
    if (index >= 0) return onces.splice(index, 1)[0]
    return always.findLast((rule) => fits(rule, request))
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`

  const close = async (): Promise<void> => {
    if (!server.listening) return
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }

  return {
    url: `http://${host}`,
    host,
    requests,
    always: (rule) => void always.push(rule),
    once: (rule) => void onces.push(rule),
    play(pair) {
      const { status, headers, body, bodyText, bodyBase64 } = pair.response
      onces.push({
        method: pair.request.method,
        path: pathOf(pair.request.url),
        answer: {
          status,
          ...(headers && { headers }),
          ...(body !== undefined && { json: body }),
          ...(bodyText !== undefined && { text: bodyText }),
          ...(bodyBase64 !== undefined && { bytes: Buffer.from(bodyBase64, 'base64') }),
        },
      })
    },
    unsteady(seed, share) {
      const draw = generator(seed)
      fails = () => draw() < share
    },
    next: () => new Promise((resolve) => void waiting.push(resolve)),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The path of a recorded URL as our adapters call it: without origin, Graph version and query. */
export function pathOf(url: string): string {
  return new URL(url).pathname.replace(/^\/v\d+\.\d+(?=\/)/, '')
}

function fits(rule: StandInRule, request: StandInRequest): boolean {
  if (rule.method !== undefined && rule.method !== request.method) return false
  if (rule.path === undefined) return true
  if (typeof rule.path === 'string') return request.path.split('?')[0] === rule.path
  return rule.path.test(request.path)
}

async function record(incoming: IncomingMessage): Promise<StandInRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const headers = incoming.headers as Record<string, string | undefined>
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers,
    body,
    json: parsed(body),
    form: () => new Response(body, { headers: { 'content-type': headers['content-type'] ?? '' } }).formData(),
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

async function write(response: ServerResponse, answer: StandInAnswer): Promise<void> {
  if (answer.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, answer.delayMs))
  if (answer.fault === 'stall') return
  if (answer.fault === 'reset') {
    response.socket?.resetAndDestroy()
    return
  }
  const body =
    answer.bytes ?? Buffer.from(answer.text ?? (answer.json === undefined ? '' : JSON.stringify(answer.json)))
  const contentType =
    answer.json === undefined ? 'application/octet-stream' : 'application/json; charset=UTF-8'
  response.writeHead(answer.status ?? 200, {
    'content-type': contentType,
    'content-length': String(body.byteLength),
    ...answer.headers,
  })
  if (answer.fault === undefined) {
    response.end(body)
    return
  }
  response.write(body.subarray(0, Math.ceil(body.byteLength / 2)), () => {
    if (answer.fault === 'reset-mid-body') response.socket?.resetAndDestroy()
  })
}

/** Mulberry32: small, seeded, even enough to choose which requests fail. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
