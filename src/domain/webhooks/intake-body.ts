import type { IncomingMessage } from 'node:http'
import { finished } from 'node:stream/promises'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { Failure } from '../../contract/errors.ts'
import { invalid } from '../../http/faults.ts'
import type { Config } from '../../platform/config.ts'
import { Slots } from '../../platform/slots.ts'

export type BodyLimits = Pick<Config, 'WEBHOOK_BODY_BYTES' | 'WEBHOOK_WAITING_BYTES'>

const unpackers = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
} as const

/** What a request takes beside its body, roughly: so that many small ones are bounded too. */
const requestBytes = 16 * 1024

/** Bytes of webhooks that a process holds, from their arrival until they are stored or refused. */
export class WaitingBytes {
  readonly #most: number
  #bytes = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Takes room, or fails with `unavailable` when there is none. */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#most)
      throw new Failure('unavailable', {}, { cause: new Error('too many bytes of webhooks wait') })
    this.#bytes += bytes
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** What is left of a refused body is listened to for this long. */
const lingerMs = 2000

/** Bodies that a process unpacks at once: of what a small body may become, only so many are ever there. */
const unpackedAtOnce = 2

const unpacking = new Slots(unpackedAtOnce)

/** A request's way to its body, and to the room that it takes. */
export interface BodyReader {
  /** The body, once. */
  read(): Promise<Buffer>
  /** Keeps the room until this has settled, although the request may be answered before. */
  holdFor(work: Promise<unknown>): void
}

/**
 * Gives `work` a way to read the body of a request, and holds the room that it takes until `work` is done. The body is
 * unpacked as its Content-Encoding says, at most WEBHOOK_BODY_BYTES before and after; otherwise its bytes are as sent.
 * Reading fails with `payload_too_large`, `unsupported_media_type` for an unknown encoding, `malformed_json` for a body
 * that was cut off or does not unpack, or `unavailable` when this process holds as much as it may. What is left of a body
 * that is refused is read and thrown away, so that the sender gets the answer.
 */
export async function withBody<T>(
  request: IncomingMessage,
  limits: BodyLimits,
  waiting: WaitingBytes,
  work: (body: BodyReader) => Promise<T>,
): Promise<T> {
  let taken = 0
  const take = (bytes: number): void => {
    waiting.take(bytes)
    taken += bytes
  }
  const held: Promise<unknown>[] = []
  try {
    take(requestBytes)
    return await work({
      read: async () => {
        const sent = await readBytes(request, limits.WEBHOOK_BODY_BYTES, take)
        return unpack(request.headers['content-encoding'], sent, limits.WEBHOOK_BODY_BYTES, take)
      },
      holdFor: (other) => held.push(other),
    })
  } catch (error) {
    await throwAway(request)
    throw error
  } finally {
    void Promise.allSettled(held).then(() => waiting.give(taken))
  }
}

/** A sender is written to only when it has said all, or has had its time: one who closes after the answer would else not get it. */
async function throwAway(request: IncomingMessage): Promise<void> {
  request.resume()
  if (request.complete) return
  await finished(request, { signal: AbortSignal.timeout(lingerMs) }).catch(() => {})
}

async function readBytes(
  request: IncomingMessage,
  most: number,
  take: (bytes: number) => void,
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > most) throw new Failure('payload_too_large')
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > most) throw new Failure('payload_too_large')
      take(chunk.length)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure('malformed_json', {}, { cause: error })
  }
  return Buffer.concat(chunks)
}

async function unpack(
  encoding: string | undefined,
  sent: Buffer,
  most: number,
  take: (bytes: number) => void,
): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? 'identity'
  if (name === 'identity' || name === '') return sent
  if (!Object.hasOwn(unpackers, name))
    throw new Failure(
      'unsupported_media_type',
      {},
      { message: 'send the body as it is, or gzip, deflate or br' },
    )
  const unpacker = unpackers[name as keyof typeof unpackers]
  try {
    return await unpacking.run(async () => {
      const unpacked = await unpacker(sent, { maxOutputLength: most })
      take(unpacked.length)
      return unpacked
    })
  } catch (error) {
    if (error instanceof Failure) throw error
    const { code } = error as { code?: string }
    throw new Failure(
      code === 'ERR_BUFFER_TOO_LARGE' ? 'payload_too_large' : 'malformed_json',
      {},
      { cause: error },
    )
  }
}

/**
 * The JSON of a body. Bytes that are no UTF-8 become U+FFFD inside texts, so that one broken name does not take the rest with
 * it; what is stored are the bytes. Fails with `malformed_json`, or with `validation_failed` when it is nested deeper than
 * WEBHOOK_JSON_DEPTH, before anything is built from it.
 */
export function jsonOf(
  body: Buffer,
  { WEBHOOK_JSON_DEPTH: deepest }: Pick<Config, 'WEBHOOK_JSON_DEPTH'>,
): unknown {
  if (isDeeperThan(deepest, body))
    throw invalid([{ in: 'body', pointer: '', message: `deeper than ${deepest} levels` }])
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new Failure('malformed_json', {}, { cause: error })
  }
}

/** One pass over the bytes; those of longer characters are never quotes or brackets. */
function isDeeperThan(deepest: number, body: Buffer): boolean {
  let level = 0
  let inText = false
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (inText) {
      if (byte === backslash) at++
      else if (byte === quote) inText = false
    } else if (byte === quote) inText = true
    else if (byte === openBrace || byte === openBracket) {
      level++
      if (level > deepest) return true
    } else if (byte === closeBrace || byte === closeBracket) level--
  }
  return false
}
const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\{}[]')
