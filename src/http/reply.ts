import type { Response } from 'express'

/** An answer of success as it goes out: what a handler returns when a plain value is not enough. */
export class Reply {
  readonly status: number
  /** JSON text, unless the headers say another content type; null is no body. */
  readonly text: string | null
  readonly headers: Readonly<Record<string, string>>
  /** What is kept with an Idempotency-Key for a repeat: the text, unless it holds a secret. */
  readonly keptText: string | null

  constructor(
    status: number,
    text: string | null,
    headers: Readonly<Record<string, string>>,
    keptText: string | null = text,
  ) {
    this.status = status
    this.text = text
    this.headers = headers
    this.keptText = keptText
  }
}

export interface ReplyOptions {
  /** Default: what the route says, else 200. */
  readonly status?: number
  /** From `etagOf` (conditional.ts). */
  readonly etag?: string
  readonly location?: string
  /** What a repeat with the same Idempotency-Key gets instead of the body, which holds a secret that is kept nowhere. */
  readonly kept?: unknown
}

/** JSON with a status of its own or with headers. */
export function reply(
  body: unknown,
  { status = 200, etag, location, kept = body }: ReplyOptions = {},
): Reply {
  const headers = {
    ...(etag === undefined ? {} : { etag }),
    ...(location === undefined ? {} : { location }),
  }
  const text = JSON.stringify(body)
  return new Reply(status, text, headers, kept === body ? text : JSON.stringify(kept))
}

/** 302 to an address that the browser fetches itself. */
export function redirect(url: string): Reply {
  return new Reply(302, null, { location: url })
}

/** What a handler returned, as it goes out: nothing is 204, a plain value is JSON. */
export function replyOf(returned: unknown, status: number): Reply {
  if (returned instanceof Reply) return returned
  return returned === undefined ? new Reply(204, null, {}) : reply(returned, { status })
}

/** Past Express's own `send`, which looks for a tag to compare and for what the text may be (docs/measurements.md). */
export function sendReply(response: Response, { status, text, headers }: Reply): void {
  response.statusCode = status
  for (const name in headers) response.setHeader(name, headers[name] ?? '')
  if (text === null) return void response.end()
  const type = headers['content-type'] ?? 'application/json'
  response.setHeader('content-type', type.includes('charset=') ? type : `${type}; charset=utf-8`)
  if (text.length <= short) {
    response.setHeader('content-length', Buffer.byteLength(text))
    return void response.end(text)
  }
  const bytes = Buffer.from(text)
  response.setHeader('content-length', bytes.length)
  response.end(bytes)
}

/**
 * A text up to this long goes out in one piece with its headers. Of a longer one the bytes are made once, for their number and
 * for writing them.
 */
const short = 4096
