const quote = 0x22
const backslash = 0x5c

/** What a scan over JSON text finds, in order. String content comes raw (escapes unread), in as many parts as chunks. */
export interface JsonParts {
  outside(bytes: Uint8Array): void
  open(): void
  inside(bytes: Uint8Array): void
  close(): void
}

/**
 * Tells strings from the rest of a JSON text that comes in chunks of any size, without holding it: answers of the
 * server can have a file of 100 MB in one string.
 */
export class JsonStringScanner {
  private readonly parts: JsonParts
  private inString = false
  private escaped = false

  constructor(parts: JsonParts) {
    this.parts = parts
  }

  scan(chunk: Uint8Array): void {
    let position = 0
    while (position < chunk.length) {
      position = this.inString ? this.scanString(chunk, position) : this.scanOutside(chunk, position)
    }
  }

  private scanOutside(chunk: Uint8Array, from: number): number {
    const end = chunk.indexOf(quote, from)
    if (end !== from) this.parts.outside(chunk.subarray(from, end === -1 ? chunk.length : end))
    if (end === -1) return chunk.length
    this.inString = true
    this.parts.open()
    return end + 1
  }

  private scanString(chunk: Uint8Array, from: number): number {
    let position = from
    if (this.escaped) {
      this.escaped = false
      position += 1
    }
    let end = chunk.indexOf(quote, position)
    let escape = chunk.indexOf(backslash, position)
    while (escape !== -1 && (end === -1 || escape < end)) {
      position = escape + 2
      this.escaped = position > chunk.length
      if (end !== -1 && end < position) end = chunk.indexOf(quote, position)
      escape = chunk.indexOf(backslash, position)
    }
    if (end !== from) this.parts.inside(chunk.subarray(from, end === -1 ? chunk.length : end))
    if (end === -1) return chunk.length
    this.inString = false
    this.parts.close()
    return end + 1
  }
}

/** Strings in answers that we read are ids, names and error texts. */
const longestString = 4_096

/** The same JSON with every string of more than 4096 bytes emptied. */
export function withoutLongStrings(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const mark = new Uint8Array([quote])
  let out: Uint8Array[] = []
  let held: Uint8Array[] = []
  let length = 0
  const scanner = new JsonStringScanner({
    outside: (bytes) => void out.push(bytes),
    open: () => {
      held = []
      length = 0
    },
    inside: (bytes) => {
      length += bytes.length
      if (length <= longestString) held.push(bytes)
      else held = []
    },
    close: () => void out.push(mark, ...held, mark),
  })
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        out = []
        scanner.scan(chunk)
        for (const bytes of out) controller.enqueue(bytes)
      },
    }),
  )
}
