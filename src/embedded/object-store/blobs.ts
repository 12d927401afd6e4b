import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { S3Error } from './s3-error.ts'

/** A stretch of bytes in one file. Objects consist of one or, after a multipart upload, several. */
export interface Piece {
  blob: string
  size: number
}

export interface WrittenBlob extends Piece {
  md5: string
  sha256: string
}

/**
 * Files of bytes, named by random ids. A file gets its name only when it is whole and on the disk, never changes
 * afterwards, and is deleted when nobody refers to it any more and the last reader is through.
 */
export class Blobs {
  readonly #directory: string
  readonly #durable: boolean
  readonly #readers = new Map<string, number>()
  readonly #doomed = new Set<string>()

  constructor(directory: string, durable: boolean) {
    this.#directory = directory
    this.#durable = durable
    mkdirSync(directory, { recursive: true })
  }

  /** Deletes files that nothing refers to: unfinished ones, and those of a run that was killed between two steps. */
  sweep(isReferred: (blob: string) => boolean): void {
    for (const name of readdirSync(this.#directory)) {
      if (!isReferred(name)) rmSync(join(this.#directory, name))
    }
  }

  /** Writes a stream to a new file; at most one chunk is in memory. Leaves nothing behind when the source fails. */
  async write(source: AsyncIterable<Buffer>, maxBytes: number): Promise<WrittenBlob> {
    const blob = randomUUID()
    const unfinished = join(this.#directory, `${blob}.unfinished`)
    const [md5, sha256] = [createHash('md5'), createHash('sha256')]
    let size = 0
    try {
      await using file = await open(unfinished, 'wx')
      for await (const chunk of source) {
        size += chunk.length
        if (size > maxBytes) throw new S3Error('EntityTooLarge', `the body is larger than ${maxBytes} bytes`)
        md5.update(chunk)
        sha256.update(chunk)
        await file.writeFile(chunk)
      }
      if (this.#durable) await file.sync()
      await rename(unfinished, join(this.#directory, blob))
    } catch (error) {
      await rm(unfinished, { force: true })
      throw error
    }
    if (this.#durable) await this.#syncDirectory()
    return { blob, size, md5: md5.digest('hex'), sha256: sha256.digest('hex') }
  }

  /** A new file with the same bytes. */
  copy(pieces: readonly Piece[]): Promise<WrittenBlob> {
    return this.write(this.read(pieces), Number.POSITIVE_INFINITY)
  }

  /**
   * The bytes from `start` to `end` (both included) of the pieces laid end to end. From this call on the files stay until
   * the reader is through, also when the object is replaced or deleted meanwhile. (A reader that is never iterated keeps
   * them longer: until the sweep of the next start.)
   */
  read(pieces: readonly Piece[], start = 0, end = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
    for (const { blob } of pieces) this.#readers.set(blob, (this.#readers.get(blob) ?? 0) + 1)
    return this.#chunks(pieces, start, end)
  }

  async *#chunks(pieces: readonly Piece[], start: number, end: number): AsyncGenerator<Buffer> {
    try {
      let offset = 0
      for (const { blob, size } of pieces) {
        const [from, to] = [Math.max(start - offset, 0), Math.min(end - offset, size - 1)]
        offset += size
        if (from > to) continue
        for await (const chunk of createReadStream(join(this.#directory, blob), { start: from, end: to })) {
          yield chunk as Buffer
        }
      }
    } finally {
      for (const { blob } of pieces) this.#release(blob)
    }
  }

  /** Deletes files, those being read as soon as their readers are through. */
  discard(blobs: readonly string[]): void {
    for (const blob of blobs) {
      if (this.#readers.has(blob)) this.#doomed.add(blob)
      else rmSync(join(this.#directory, blob), { force: true })
    }
  }

  #release(blob: string): void {
    const left = (this.#readers.get(blob) ?? 1) - 1
    if (left > 0) {
      this.#readers.set(blob, left)
      return
    }
    this.#readers.delete(blob)
    if (this.#doomed.delete(blob)) rmSync(join(this.#directory, blob), { force: true })
  }

  /** A rename is on the disk only when its directory is. */
  async #syncDirectory(): Promise<void> {
    await using directory = await open(this.#directory, 'r')
    await directory.sync()
  }
}
