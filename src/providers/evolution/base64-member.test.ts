import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { readBase64Answer } from './base64-member.ts'

async function* inChunks(text: string | Buffer, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}

async function decoded(text: string, size: number): Promise<{ head: unknown; file: Buffer | undefined }> {
  const { head, bytes } = await readBase64Answer(inChunks(text, size), 'base64')
  const parts: Buffer[] = []
  if (bytes === undefined) return { head, file: undefined }
  for await (const part of bytes) parts.push(part)
  return { head, file: Buffer.concat(parts) }
}

test('a file comes out whole across any chunk boundary, with the members before it', async () => {
  for (const length of [0, 1, 2, 3, 4, 5, 97, 1_000]) {
    const file = randomBytes(length)
    const text = JSON.stringify({
      fileName: 'a "b".jpg',
      size: { base64: 'no' },
      base64: file.toString('base64'),
      z: 1,
    })
    for (const size of [1, 2, 3, 5, 7, 64, 10_000]) {
      const answer = await decoded(text, size)
      expect(answer.file).toEqual(file)
      expect(answer.head).toEqual({ fileName: 'a "b".jpg', size: { base64: 'no' }, base64: '' })
    }
  }
})

test('a member of that name deeper down, or as a value, is not the file', async () => {
  const text = '{"a": {"base64": "AAAA"}, "b": ["base64", "AAAA"], "c": "base64", "base64" : "Zm9v"}'
  for (const size of [1, 3, 1_000]) expect((await decoded(text, size)).file?.toString()).toBe('foo')
})

test('escaped slashes, line breaks and a data URL are taken in stride', async () => {
  const file = Buffer.alloc(900, 0xff)
  const broken = file
    .toString('base64')
    .replaceAll('/', '\\/')
    .replace(/(.{76})/g, '$1\\r\\n')
  for (const size of [1, 2, 3, 100]) {
    expect((await decoded(`{"base64":"${broken}"}`, size)).file).toEqual(file)
    expect((await decoded(`{"base64":"data:image/png;base64,Zm9v"}`, size)).file?.toString()).toBe('foo')
  }
})

test('an answer without the file says so', async () => {
  expect(await decoded('null', 2)).toEqual({ head: null, file: undefined })
  expect(await decoded('{"base64":null,"buffer":null}', 3)).toMatchObject({
    file: undefined,
    head: { base64: null },
  })
  expect(await decoded('<html>no</html>', 3)).toEqual({ head: undefined, file: undefined })
})

test('a file that breaks off, or is no base64, fails instead of coming out short', async () => {
  await expect(decoded('{"base64":"Zm9vZm9v', 4)).rejects.toThrow('broke off')
  await expect(decoded('{"base64":"Zm9v<html>"}', 4)).rejects.toThrow('not base64')
})

test('an endless head is given up', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{"a":"')
    for (;;) yield Buffer.alloc(65_536, 0x61)
  }
  expect(await readBase64Answer(endless(), 'base64')).toEqual({ head: undefined })
})

test('only as much is read as is consumed, and leaving early closes the source', async () => {
  let read = 0
  let isClosed = false
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield Buffer.from('{"base64":"')
      for (;;) {
        read += 1
        yield Buffer.alloc(65_536, 0x41)
      }
    } finally {
      isClosed = true
    }
  }
  const { bytes } = await readBase64Answer(source(), 'base64')
  for await (const part of bytes ?? []) {
    expect(part.length).toBe(49_152)
    break
  }
  expect(read).toBeLessThan(3)
  expect(isClosed).toBe(true)
})
