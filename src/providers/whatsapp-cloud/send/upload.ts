import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { OutboundMedia, ProviderChannel, ProviderIo, SendOutcome } from '../../port.ts'
import { recordOf, textIn } from '../../untrusted.ts'
import { callGraph } from '../graph.ts'
import { failureOf, unclearAnswer } from '../outcome.ts'
import type { UploadedFile } from './body.ts'

/** The slowest line that an upload waits for, on top of the time of an ordinary call. */
const slowestBytesPerSecond = 262_144

/**
 * Puts a file to Meta (`POST /{phone}/media`, multipart), streaming it from where it lies. The parts are written by hand
 * because FormData wants the whole file in memory. Nothing is sent to the customer yet, so a broken upload is `later`.
 */
export async function uploadMedia(
  channel: ProviderChannel,
  media: OutboundMedia,
  io: ProviderIo,
): Promise<UploadedFile | Exclude<SendOutcome, { kind: 'accepted' }>> {
  const boundary = `----switchboard-${randomUUID()}`
  const head = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp\r\n` +
      `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${escaped(fileNameOf(media))}"\r\n` +
      `content-type: ${media.mimeType}\r\n\r\n`,
  )
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  let file: Readable
  try {
    file = await media.open()
  } catch {
    return failureOf({ kind: 'lost', reason: 'the file could not be opened in our storage' }, io, false)
  }
  const body = Readable.from(parts(head, file, tail), { objectMode: false })
  // The client may refuse before it reads the body; then nobody else would hear of a broken file.
  body.on('error', () => file.destroy())
  const call = await callGraph(channel, io, 'POST', `/${channel.settings.phoneNumberId}/media`, {
    body: Readable.toWeb(body) as ReadableStream,
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(head.byteLength + media.sizeBytes + tail.byteLength),
    },
    timeoutMs: io.timeoutMs + Math.ceil((media.sizeBytes / slowestBytesPerSecond) * 1_000),
  })
  file.destroy()
  if (call.kind !== 'answer' || call.status !== 200) return failureOf(call, io, false)
  const id = textIn(recordOf(call.json), 'id')
  if (id === undefined) return unclearAnswer(call.status, false)
  return { id, mimeType: media.mimeType, ...(media.fileName !== undefined && { fileName: media.fileName }) }
}

async function* parts(head: Buffer, file: Readable, tail: Buffer): AsyncGenerator<Buffer> {
  yield head
  for await (const chunk of file) yield chunk as Buffer
  yield tail
}

function fileNameOf(media: OutboundMedia): string {
  return media.fileName ?? `file.${media.mimeType.split('/')[1]?.replaceAll(/[^a-z0-9]/g, '') || 'bin'}`
}

/** A file name inside quotes of a multipart header (RFC 7578: percent-encode what would end the header). */
function escaped(fileName: string): string {
  return fileName.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')
}
