import { parseJson } from './parse/parse-json.ts'
import { JsonStringScanner } from './json-strings.ts'

/** A JSON answer with a file in one of its members. */
export interface Base64Answer {
  /** The members that came before the file (all of them when there is no file). Undefined when they are no JSON. */
  readonly head: unknown
  /** The decoded file; undefined when the member is missing or no string. Throws when the answer breaks off. */
  readonly bytes?: AsyncGenerator<Buffer>
}

/** Members besides the file are a few names; an answer with more than this is not what we asked for. */
const mostHeadBytes = 1_048_576

/**
 * Reads `{…, "base64": "<file>", …}` as it comes: the file is decoded chunk by chunk and never held whole. The member
 * must be at the top level. `chunks` is read only as far as `bytes` is consumed, and closed when that is abandoned.
 */
export async function readBase64Answer(
  chunks: AsyncIterable<Uint8Array>,
  member: string,
): Promise<Base64Answer> {
  const source = chunks[Symbol.asyncIterator]()
  const file = new MemberReader(member)
  const scanner = new JsonStringScanner(file)
  while (file.state === 'before') {
    const next = await source.next()
    if (next.done === true) return { head: parseJson(file.head()) }
    scanner.scan(next.value)
    if (file.headBytes > mostHeadBytes) {
      await source.return?.()
      return { head: undefined }
    }
  }
  return { head: parseJson(file.head()), bytes: decoded(source, scanner, file) }
}

async function* decoded(
  source: AsyncIterator<Uint8Array>,
  scanner: JsonStringScanner,
  file: MemberReader,
): AsyncGenerator<Buffer> {
  try {
    for (;;) {
      const bytes = file.take()
      if (bytes.length > 0) yield bytes
      if (file.state === 'after') return
      const next = await source.next()
      if (next.done === true) throw new Error('the answer broke off inside the file')
      scanner.scan(next.value)
    }
  } finally {
    await source.return?.()
  }
}

/** Follows the scan: keeps what is around the file, decodes the file itself. */
class MemberReader {
  state: 'before' | 'inside' | 'after' = 'before'
  headBytes = 0
  private readonly member: string
  private readonly kept: Buffer[] = []
  private depth = 0
  private isValue = false
  private string: Buffer[] = []
  private lastString = ''
  private text = ''
  private isStarted = false

  constructor(member: string) {
    this.member = member
  }

  outside(bytes: Uint8Array): void {
    if (this.state !== 'before') return
    this.keep(Buffer.from(bytes))
    for (const byte of bytes) {
      if (byte === 0x7b || byte === 0x5b) this.depth += 1
      if (byte === 0x7d || byte === 0x5d) this.depth -= 1
      // ":" makes the string before it a name; "," or a bracket ends the pair. White space changes nothing.
      if (byte === 0x3a) this.isValue = true
      else if (byte > 0x20) this.isValue = false
    }
  }

  open(): void {
    if (this.state !== 'before') return
    if (this.isValue && this.depth === 1 && this.lastString === this.member) this.state = 'inside'
    else this.string = []
  }

  inside(bytes: Uint8Array): void {
    if (this.state === 'inside') this.text += Buffer.from(bytes).toString('latin1')
    else if (this.state === 'before') {
      this.headBytes += bytes.length
      if (this.headBytes <= mostHeadBytes) this.string.push(Buffer.from(bytes))
    }
  }

  close(): void {
    if (this.state === 'inside') this.state = 'after'
    if (this.state !== 'before') return
    const string = Buffer.concat(this.string)
    this.lastString = this.isValue ? '' : string.toString('utf8')
    this.isValue = false
    this.keep(Buffer.concat([quoteMark, string, quoteMark]))
  }

  /** The text around, with the file's member (which is open when this is called for a file) closed as empty. */
  head(): string {
    const text = Buffer.concat(this.kept).toString('utf8')
    return this.state === 'before' ? text : `${text}""}`
  }

  /** What can be decoded now. Base64 goes in fours; what is left over waits for the next chunk, or is the end. */
  take(): Buffer {
    const isEnd = this.state === 'after'
    if (!this.isStarted) {
      if (this.text.length < 256 && !isEnd) return Buffer.alloc(0)
      this.isStarted = true
      if (this.text.startsWith('data:')) this.text = this.text.slice(this.text.indexOf(',') + 1)
    }
    // A backslash at the end may belong to the next letter.
    const cut = !isEnd && this.text.endsWith('\\') ? this.text.length - 1 : this.text.length
    const plain = this.text
      .slice(0, cut)
      .replace(/\\([/nrt])|[\r\n\t ]/g, (_, letter) => (letter === '/' ? '/' : ''))
    if (/[^A-Za-z0-9+/=_-]/.test(plain)) throw new Error('the file is not base64')
    const whole = isEnd ? plain.length : plain.length - (plain.length % 4)
    this.text = plain.slice(whole) + this.text.slice(cut)
    return Buffer.from(plain.slice(0, whole), 'base64')
  }

  private keep(bytes: Buffer): void {
    this.headBytes += bytes.length
    if (this.headBytes <= mostHeadBytes) this.kept.push(bytes)
  }
}

const quoteMark = Buffer.from('"')
