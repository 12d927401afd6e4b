import { expect, test } from 'vitest'
import { withoutLongStrings } from './json-strings.ts'

/** The JSON after the filter, when it comes in chunks of `size` bytes. */
async function filtered(value: unknown, size: number): Promise<unknown> {
  const bytes = Buffer.from(JSON.stringify(value))
  const chunks: Uint8Array[] = []
  for (let from = 0; from < bytes.length; from += size) chunks.push(bytes.subarray(from, from + size))
  return new Response(withoutLongStrings(ReadableStream.from(chunks))).json()
}

const answer = {
  key: { id: '3EB0', remoteJid: 'a\\"b\\\\' },
  text: 'Olá "Maria" \\ 👋\n\u2028',
  empty: '',
  'na"me': ['\\', '"', '\\"'],
}

test('JSON with quotes, backslashes and letters of several bytes is the same after any cut', async () => {
  for (let size = 1; size <= 40; size += 1) expect(await filtered(answer, size)).toEqual(answer)
})

test('a string of 4096 bytes stays, one of 4097 is emptied, and what follows is untouched', async () => {
  for (const size of [1, 7, 1_000, 100_000]) {
    const value = { file: 'A'.repeat(4_097), note: 'B'.repeat(4_096), escaped: '\\"'.repeat(5_000), id: 'x' }
    expect(await filtered(value, size)).toEqual({ file: '', note: 'B'.repeat(4_096), escaped: '', id: 'x' })
  }
})
