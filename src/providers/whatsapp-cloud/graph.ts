import { type HttpCall, httpCall } from '../http-call.ts'
import type { ProviderChannel, ProviderIo } from '../port.ts'

/** A token that can stand in a header. One with a line break in it would make the HTTP client quote it in its error. */
const plainToken = /^[\x21-\x7e]+$/

export type GraphCall = HttpCall | { readonly kind: 'no-token' }

/** One call of the Graph API on behalf of a channel; `path` follows the version (`/106540352242922/messages`). */
export async function callGraph(
  channel: Pick<ProviderChannel, 'secrets'>,
  io: ProviderIo,
  method: 'GET' | 'POST',
  path: string,
  content?: {
    readonly body: RequestInit['body']
    readonly headers: Record<string, string>
    readonly timeoutMs: number
  },
): Promise<GraphCall> {
  const authorization = authorizationOf(channel)
  if (authorization === undefined) return { kind: 'no-token' }
  const init: RequestInit & { duplex?: 'half' } = { method, headers: { ...content?.headers, authorization } }
  if (content?.body !== undefined) {
    init.body = content.body
    init.duplex = 'half'
  }
  return httpCall(io, `${io.graphApiUrl.replace(/\/$/, '')}${path}`, init, content?.timeoutMs)
}

export async function postGraphJson(
  channel: Pick<ProviderChannel, 'secrets'>,
  io: ProviderIo,
  path: string,
  body: Record<string, unknown>,
): Promise<GraphCall> {
  const headers = { 'content-type': 'application/json' }
  return callGraph(channel, io, 'POST', path, {
    body: JSON.stringify(body),
    headers,
    timeoutMs: io.timeoutMs,
  })
}

/** `Bearer <token>`, or undefined when the channel has no usable token. */
export function authorizationOf(channel: Pick<ProviderChannel, 'secrets'>): string | undefined {
  const token = channel.secrets.accessToken?.trim() ?? ''
  return plainToken.test(token) ? `Bearer ${token}` : undefined
}
