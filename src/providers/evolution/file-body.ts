import type { OutboundMedia } from '../port.ts'

/** A JSON body with a file in its last member. */
export interface FileBody {
  readonly chunks: AsyncGenerator<Uint8Array>
  /** False as long as the closing bracket was not handed out: until then the server cannot have acted on the body. */
  isComplete(): boolean
}

/** Streams `{…fields, "<member>": "<base64 of the file>"}` without holding the file. */
export function fileBody(
  fields: Readonly<Record<string, unknown>>,
  member: string,
  media: OutboundMedia,
): FileBody {
  let complete = false
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const file = await media.open()
    yield Buffer.from(`${JSON.stringify(fields).slice(0, -1)},${JSON.stringify(member)}:"`)
    let rest: Buffer = Buffer.alloc(0)
    for await (const chunk of file) {
      const bytes = Buffer.concat([rest, chunk as Buffer])
      const whole = bytes.length - (bytes.length % 3)
      if (whole > 0) yield Buffer.from(bytes.subarray(0, whole).toString('base64'))
      rest = bytes.subarray(whole)
    }
    complete = true
    yield Buffer.from(`${rest.toString('base64')}"}`)
  }
  return { chunks: chunks(), isComplete: () => complete }
}
