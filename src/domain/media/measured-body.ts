import { createHash } from 'node:crypto'

/** A file that will never be right, however often it is fetched. The message is for the people in the conversation. */
export class UnusableFile extends Error {}

/** A file that did not come whole this time. */
export class BrokenTransfer extends Error {}

/**
 * The bytes of a download on their way to the store, counted and hashed. Ends with UnusableFile at the first byte over the
 * limit or when nothing came at all, and with BrokenTransfer when the whole is not what was announced; so that the store,
 * which makes an object only of what ends well, never holds a part of a file.
 */
export class MeasuredBody implements AsyncIterable<Uint8Array> {
  sizeBytes = 0
  readonly #hash = createHash('sha256')
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #limitBytes: number
  readonly #announcedBytes: number | null
  readonly #peeked: Uint8Array[] = []

  /** `announcedBytes`: what the server said it would send, null when it did not. What the sender of the message said is worth nothing. */
  constructor(body: AsyncIterable<Uint8Array>, limitBytes: number, announcedBytes: number | null) {
    refuseTooLarge(announcedBytes ?? 0, limitBytes)
    this.#chunks = body[Symbol.asyncIterator]()
    this.#limitBytes = limitBytes
    this.#announcedBytes = announcedBytes
  }

  /** The first bytes, at least `bytes` of them when there are as many. They come again when the body is read. */
  async peek(bytes: number): Promise<Buffer> {
    let size = 0
    while (size < bytes) {
      const chunk = await this.#next()
      if (chunk === null) break
      this.#peeked.push(chunk)
      size += chunk.length
    }
    return Buffer.concat(this.#peeked)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    yield* this.#peeked.splice(0)
    for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) yield chunk
    this.#complain()
  }

  /** 64 hex digits; to be asked for once, after the last byte. */
  sha256(): string {
    return this.#hash.digest('hex')
  }

  /** Ends the download, whether or not it was read to its end. */
  async cancel(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #next(): Promise<Uint8Array | null> {
    const step = await this.#chunks.next()
    if (step.done === true) return null
    this.sizeBytes += step.value.length
    refuseTooLarge(this.sizeBytes, this.#limitBytes)
    this.#hash.update(step.value)
    return step.value
  }

  #complain(): void {
    if (this.sizeBytes === 0) throw new UnusableFile('the file is empty')
    if (this.#announcedBytes !== null && this.#announcedBytes !== this.sizeBytes)
      throw new BrokenTransfer(`${this.sizeBytes} of ${this.#announcedBytes} bytes came`)
  }
}

/** Throws UnusableFile above the limit. */
function refuseTooLarge(sizeBytes: number, limitBytes: number): void {
  if (sizeBytes > limitBytes) throw new UnusableFile(`the file is larger than ${sizeInWords(limitBytes)}`)
}

function sizeInWords(bytes: number): string {
  const mebibytes = bytes / (1024 * 1024)
  return mebibytes >= 1 ? `${Math.floor(mebibytes * 10) / 10} MB` : `${bytes} bytes`
}
