import { Readable } from 'node:stream'
import { describeCode, networkCode } from '../http-call.ts'
import { downloadMedia } from '../media-download.ts'
import type { InboundMedia } from '../inbound.ts'
import type { MediaFetch, ProviderChannel, ProviderIo } from '../port.ts'
import { field, inner, mimeTypeOf, recordOf, textIn, type Untrusted } from '../untrusted.ts'
import { readBase64Answer } from './base64-member.ts'
import { complaintOf } from './outcome.ts'
import { parseJson } from './parse/parse-json.ts'
import { actionUrl, type EvolutionServer, isServer, serverOf, signed } from './server.ts'

const busyRetryMs = 30_000

/**
 * Fetches a file. From the server's own store when it has one and the operator allowed its host (plain bytes, cheap
 * for everybody); else by asking the server to download and decrypt it (base64 in JSON, decoded as it comes): first by
 * the message's id, then, for servers that keep no messages, with the message itself.
 */
export async function fetchMedia(
  channel: ProviderChannel,
  media: Omit<InboundMedia, 'inlineBase64'>,
  io: ProviderIo,
): Promise<MediaFetch> {
  const ref = recordOf(media.ref)
  const key = inner(ref, 'key')
  const message = inner(ref, 'message')
  const mediaUrl = textIn(ref, 'mediaUrl')
  if (mediaUrl !== undefined) {
    const stored = await downloadMedia(io, mediaUrl, {})
    if (stored.kind === 'stream') return stored
  }
  const server = serverOf(channel, io)
  if (!isServer(server)) return { kind: 'failed', reason: server.detail }
  if (textIn(key, 'id') === undefined) return { kind: 'failed', reason: 'the file has no message id' }
  const byId = await ask(io, server, { key: { id: textIn(key, 'id') } })
  if (byId.kind !== 'gone' || message === undefined) return byId
  return ask(io, server, { key, message })
}

/** One call of getBase64FromMediaMessage. `timeoutMs` bounds the wait for the answer and each pause in it. */
async function ask(io: ProviderIo, server: EvolutionServer, message: Untrusted): Promise<MediaFetch> {
  const lifeline = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const wait = (): void => {
    clearTimeout(timer)
    timer = setTimeout(
      () => lifeline.abort(new DOMException('no answer in time', 'TimeoutError')),
      io.timeoutMs,
    )
  }
  async function* unpaused(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      wait()
      for await (const chunk of body) {
        clearTimeout(timer)
        yield chunk
        wait()
      }
    } finally {
      clearTimeout(timer)
    }
  }
  wait()
  try {
    const init = { method: 'POST', body: JSON.stringify({ message, convertToMp4: false }) }
    const url = actionUrl(server, 'chat/getBase64FromMediaMessage')
    const response = await io.fetch(url, {
      ...signed(server, init),
      redirect: 'manual',
      signal: lifeline.signal,
    })
    if (response.body === null)
      return { kind: 'later', afterMs: busyRetryMs, reason: 'the server answered nothing' }
    const chunks = unpaused(response.body)
    if (response.status === 200 || response.status === 201) return await answered(chunks)
    return declined(response.status, await shortText(chunks), server)
  } catch (error) {
    return { kind: 'later', afterMs: busyRetryMs, reason: describeCode(networkCode(error)) }
  } finally {
    clearTimeout(timer)
  }
}

async function answered(chunks: AsyncGenerator<Uint8Array>): Promise<MediaFetch> {
  const { head, bytes } = await readBase64Answer(chunks, 'base64')
  if (bytes === undefined) {
    if (head === undefined)
      return { kind: 'later', afterMs: busyRetryMs, reason: 'the server answered no JSON' }
    return { kind: 'gone', reason: 'the server has no file for this message' }
  }
  const described = recordOf(head)
  const fileName = textIn(described, 'fileName')
  return {
    kind: 'stream',
    body: Readable.from(bytes, { objectMode: false }),
    ...(textIn(described, 'mimetype') === undefined
      ? {}
      : { mimeType: mimeTypeOf(field(described, 'mimetype')) }),
    ...(fileName === undefined ? {} : { fileName }),
  }
}

/** Refusals of this call: what is not there any more, what never was a file, and what may work later. */
function declined(status: number, text: string, server: EvolutionServer): MediaFetch {
  const { words, isLicence } = complaintOf(parseJson(text), server)
  const reason = words === '' ? `the server answered ${status}` : words
  if (isLicence || status === 401 || status === 403) return { kind: 'failed', reason }
  if (status === 404) return { kind: 'failed', reason }
  if (status === 400 && /not found|\b(404|410)\b|gone/i.test(words)) return { kind: 'gone', reason }
  if (status === 400 && /not of the media type|requires property/i.test(words))
    return { kind: 'failed', reason }
  return { kind: 'later', afterMs: busyRetryMs, reason }
}

async function shortText(chunks: AsyncGenerator<Uint8Array>): Promise<string> {
  const kept: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > 65_536) break
    kept.push(chunk)
  }
  return Buffer.concat(kept).toString('utf8')
}
