import type { ProviderIo } from './port.ts'

/**
 * What became of one HTTP call. The difference that matters to a send: `not-sent` is certain (no connection came about, so
 * nothing was written), `lost` is not (written, perhaps, and no complete answer). Reasons are made of error codes only:
 * messages of the HTTP client can quote headers, and with them credentials.
 */
export type HttpCall =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: Headers; readonly json: unknown }
  | { readonly kind: 'not-sent'; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string }

/** Answers of an API call are small; more than this is junk and is treated as no JSON. */
const largestAnswerBytes = 4 * 1_048_576

/** Codes of errors that happen before the first byte of a request can be written. */
const beforeWriting = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EPROTO',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/**
 * One call, at most `timeoutMs` (default: io.timeoutMs) from start to the last byte of the answer. Redirects are not followed:
 * an API that redirects would have our credentials and body sent elsewhere. `json` is undefined when the answer is none.
 */
export async function httpCall(
  io: Pick<ProviderIo, 'fetch' | 'timeoutMs'>,
  url: string,
  init: RequestInit,
  timeoutMs: number = io.timeoutMs,
): Promise<HttpCall> {
  try {
    const response = await io.fetch(url, {
      ...init,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const json = parsed(await shortText(response))
    return { kind: 'answer', status: response.status, headers: response.headers, json }
  } catch (error) {
    const code = networkCode(error)
    return { kind: neverConnected(error, code) ? 'not-sent' : 'lost', reason: describeCode(code) }
  }
}

/** Reads the answer up to the limit; undefined when it is longer. A broken connection throws. */
async function shortText(response: Response): Promise<string | undefined> {
  if (response.body === null) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    if (size > largestAnswerBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The machine code of a failed fetch: that of its cause when it has one (`TypeError: fetch failed` says nothing). */
export function networkCode(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'timeout'
  const cause = error.cause
  for (const candidate of [cause, error]) {
    const code = candidate instanceof Error && 'code' in candidate ? candidate.code : undefined
    if (typeof code === 'string' && /^[A-Z0-9_]{2,60}$/.test(code)) return code
  }
  return 'failed'
}

function neverConnected(error: unknown, code: string): boolean {
  if (beforeWriting.has(code)) return true
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'syscall' in cause && cause.syscall === 'connect'
}

/** A sentence about a network code. */
export function describeCode(code: string): string {
  if (code === 'timeout') return 'the network did not answer in time'
  return `the connection failed (${code})`
}

/** `Retry-After` in milliseconds from `now`: seconds or an HTTP date; undefined when absent, broken or past. */
export function retryAfterMs(headers: Headers, now: Date): number | undefined {
  const value = headers.get('retry-after')?.trim()
  if (value === undefined || value === '') return undefined
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now.getTime()
  return Number.isFinite(ms) && ms > 0 ? Math.min(Math.ceil(ms), longestWaitMs) : undefined
}
const longestWaitMs = 24 * 3_600_000
