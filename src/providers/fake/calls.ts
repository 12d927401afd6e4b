import { Readable } from 'node:stream'
import { Failure } from '../../contract/errors.ts'
import { type HttpCall, httpCall, retryAfterMs } from '../http-call.ts'
import { downloadMedia } from '../media-download.ts'
import type { InboundMedia, ProviderError } from '../inbound.ts'
import type {
  ChannelReport,
  MediaFetch,
  OutboundMedia,
  OutboundMessage,
  ProviderChannel,
  ProviderIo,
  SendOutcome,
} from '../port.ts'
import { recordOf, storableRecord, textIn } from '../untrusted.ts'

type Failed = Exclude<SendOutcome, { kind: 'accepted' }>
const retryMs = 1_000

/**
 * `POST /messages {number, ref, to, type, text, payload, file?, replyTo?}` → 201 `{id}`. Refusals: 401/403 credentials,
 * 429 too fast (Retry-After), other 4xx the message; anything else leaves the outcome open.
 */
export async function sendFake(
  channel: ProviderChannel,
  message: OutboundMessage,
  io: ProviderIo,
): Promise<SendOutcome> {
  const to = message.to.find(({ kind }) => kind === 'phone' || kind === 'wa_id')?.value
  if (to === undefined) {
    const error = said('validation_failed', 'The recipient has no number')
    return { kind: 'refused', error, stopChannel: false }
  }
  const file = message.media === undefined ? undefined : await upload(channel, message.media, io)
  if (file !== undefined && typeof file !== 'string') return file
  const call = await post(channel, io, '/messages', {
    number: channel.settings.number,
    ref: message.id,
    to,
    type: message.type,
    text: message.text,
    payload: message.payload,
    ...(file !== undefined && { file }),
    ...(message.replyTo && { replyTo: message.replyTo.providerMessageId }),
  })
  const id = successId(call)
  return id === undefined ? failureOf(call, io, true) : { kind: 'accepted', providerMessageId: id }
}

/** `POST /reads {number, messageId, typing}` → 200. */
export async function markFakeRead(
  channel: ProviderChannel,
  to: { readonly providerMessageId: string; readonly typing: boolean },
  io: ProviderIo,
): Promise<SendOutcome> {
  const call = await post(channel, io, '/reads', {
    number: channel.settings.number,
    messageId: to.providerMessageId,
    typing: to.typing,
  })
  return call.kind === 'answer' && call.status === 200
    ? { kind: 'accepted', providerMessageId: to.providerMessageId }
    : failureOf(call, io, false)
}

/** `GET /files/{id}` → the bytes, 404 when gone. */
export async function fetchFakeMedia(
  channel: ProviderChannel,
  media: Pick<InboundMedia, 'ref'>,
  io: ProviderIo,
): Promise<MediaFetch> {
  const id = textIn(media.ref, 'id')
  if (id === undefined) return { kind: 'failed', reason: 'the message does not say which file it holds' }
  const address = `${channel.settings.baseUrl}/files/${encodeURIComponent(id)}`
  const fetched = await downloadMedia(io, address, authorization(channel))
  return fetched.kind === 'stale' ? { kind: 'gone', reason: fetched.reason } : fetched
}

/** `GET /numbers/{number}` → 200 `{status: "connected", …}`; the whole answer is the health. */
export async function verifyFake(channel: ProviderChannel, io: ProviderIo): Promise<ChannelReport> {
  const address = `${channel.settings.baseUrl}/numbers/${encodeURIComponent(channel.settings.number ?? '')}`
  const call = await httpCall(io, address, { headers: authorization(channel) })
  if (call.kind === 'answer' && call.status === 200) {
    const connected = textIn(recordOf(call.json), 'status') === 'connected'
    return { status: connected ? 'connected' : 'disconnected', health: storableRecord(call.json) }
  }
  const failure = failureOf(call, io, false)
  if (failure.kind !== 'refused') throw new Failure('provider_unreachable', { reason: failure.error.detail })
  return { status: 'disconnected', health: {}, reason: failure.error.title }
}

/** `POST /files` with the bytes → 201 `{id}`. The id, or why there is none. */
async function upload(
  channel: ProviderChannel,
  media: OutboundMedia,
  io: ProviderIo,
): Promise<string | Failed> {
  const file = await media.open()
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    duplex: 'half',
    body: Readable.toWeb(file) as ReadableStream,
    headers: {
      ...authorization(channel),
      'content-type': media.mimeType,
      'content-length': String(media.sizeBytes),
    },
  }
  const call = await httpCall(io, `${channel.settings.baseUrl}/files`, init)
  return successId(call) ?? failureOf(call, io, false)
}

function post(
  channel: ProviderChannel,
  io: ProviderIo,
  path: string,
  body: Record<string, unknown>,
): Promise<HttpCall> {
  return httpCall(io, `${channel.settings.baseUrl}${path}`, {
    method: 'POST',
    headers: { ...authorization(channel), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

function authorization(channel: ProviderChannel): { authorization: string } {
  return { authorization: `Bearer ${channel.secrets.apiKey}` }
}

function successId(call: HttpCall): string | undefined {
  return call.kind === 'answer' && call.status === 201 ? textIn(recordOf(call.json), 'id') : undefined
}

function failureOf(call: HttpCall, io: ProviderIo, wroteMessage: boolean): Failed {
  if (call.kind === 'not-sent') {
    return {
      kind: 'later',
      afterMs: retryMs,
      scope: 'channel',
      error: said('provider_unreachable', call.reason),
    }
  }
  if (call.kind === 'answer') {
    const answer = recordOf(call.json)
    const code = textIn(answer, 'code') ?? `http_${call.status}`
    const error = said(code, textIn(answer, 'title') ?? `The fake network answered ${call.status}`)
    if (call.status === 429) {
      const afterMs = retryAfterMs(call.headers, io.now()) ?? retryMs
      return { kind: 'later', afterMs, scope: 'channel', error: { ...error, retryable: true } }
    }
    if (call.status >= 400 && call.status < 500) {
      return { kind: 'refused', error, stopChannel: call.status === 401 || call.status === 403 }
    }
  }
  const error = said(
    'no_answer',
    call.kind === 'lost' ? call.reason : 'The fake network gave an unclear answer',
  )
  return wroteMessage
    ? { kind: 'unknown', error }
    : { kind: 'later', afterMs: retryMs, scope: 'message', error }
}

function said(code: string, title: string): ProviderError {
  return { code, title, detail: title, retryable: false }
}
