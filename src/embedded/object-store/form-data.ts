import { S3Error } from './s3-error.ts'

/** Largest sum of all fields before the file; a policy has at most 20 KB in S3. */
const MAX_FIELDS_BYTES = 64 * 1024

export interface UploadForm {
  /** Fields before the file, by lower-case name. */
  fields: Map<string, string>
  fileName: string
  /** The file's bytes; they must be read to their end. */
  file: AsyncIterable<Buffer>
}

/**
 * Reads a multipart/form-data body (RFC 7578) up to its `file` field, whose bytes then stream from the source. S3 ignores
 * whatever follows the file, and so do we.
 */
export async function readUploadForm(
  contentType: string | undefined,
  source: AsyncIterable<Buffer>,
): Promise<UploadForm> {
  const [, quoted, plain] =
    /^multipart\/form-data\s*;.*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType ?? '') ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) throw malformed('expected multipart/form-data with a boundary')
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const chunks = source[Symbol.asyncIterator]()
  // With a line end before it, the first delimiter looks like all others.
  let pending = Buffer.from('\r\n')
  let taken = 0

  /** Everything up to `mark`, which is dropped. */
  async function upTo(mark: Buffer): Promise<Buffer> {
    for (;;) {
      const at = pending.indexOf(mark)
      if (at >= 0) {
        const before = pending.subarray(0, at)
        pending = pending.subarray(at + mark.length)
        return before
      }
      const { value, done } = await chunks.next()
      if (done) throw malformed('the form ends before its file')
      taken += value.length
      if (taken > MAX_FIELDS_BYTES + value.length) throw malformed('the fields before the file are too large')
      pending = Buffer.concat([pending, value])
    }
  }

  const fields = new Map<string, string>()
  await upTo(delimiter)
  for (;;) {
    const head = (await upTo(Buffer.from('\r\n\r\n'))).toString('utf8')
    if (head.startsWith('--')) throw malformed('the form has no file')
    const disposition = /^content-disposition:.*$/im.exec(head)?.[0] ?? ''
    const name = /;\s*name="([^"]*)"/i.exec(disposition)?.[1]?.toLowerCase()
    if (name === undefined) throw malformed('a field has no name')
    if (name === 'file') {
      const fileName = /;\s*filename="([^"]*)"/i.exec(disposition)?.[1] ?? ''
      return { fields, fileName, file: untilDelimiter(pending, chunks, delimiter) }
    }
    fields.set(name, (await upTo(delimiter)).toString('utf8'))
  }
}

/** The bytes before `delimiter`; always holds back as many as could be the beginning of one. */
async function* untilDelimiter(
  first: Buffer,
  chunks: AsyncIterator<Buffer>,
  delimiter: Buffer,
): AsyncGenerator<Buffer> {
  let held = first
  for (;;) {
    const at = held.indexOf(delimiter)
    if (at >= 0) {
      if (at > 0) yield held.subarray(0, at)
      for (let rest = await chunks.next(); !rest.done; rest = await chunks.next());
      return
    }
    const safe = held.length - delimiter.length + 1
    if (safe > 0) {
      yield held.subarray(0, safe)
      held = held.subarray(safe)
    }
    const { value, done } = await chunks.next()
    if (done) throw new S3Error('IncompleteBody', 'the form ends in the middle of its file')
    held = Buffer.concat([held, value])
  }
}

function malformed(why: string): S3Error {
  return new S3Error('MalformedPOSTRequest', why)
}
