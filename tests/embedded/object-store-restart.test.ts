import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Client } from 'minio'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startObjectStore } from '../../src/embedded/object-store/server.ts'

let dataDir: string
const started: ChildProcess[] = []

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'switchboard-s3-'))
})

afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(dataDir, { recursive: true })
})

interface Address {
  port: number
  accessKey: string
  secretKey: string
}

/** A store in a process of its own, so that it can be killed. */
async function startInProcess(): Promise<{ child: ChildProcess; address: Address }> {
  const module = new URL('../../src/embedded/object-store/server.ts', import.meta.url).href
  const program = `const { startObjectStore } = await import(${JSON.stringify(module)})
    const { port, accessKey, secretKey } = await startObjectStore({ dataDir: ${JSON.stringify(dataDir)}, log: console.error })
    console.log(JSON.stringify({ port, accessKey, secretKey }))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started.push(child)
  const [printed] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, address: JSON.parse(printed.toString()) as Address }
}

function clientOf({ port, accessKey, secretKey }: Address): Client {
  return new Client({ endPoint: '127.0.0.1', port, useSSL: false, region: 'us-east-1', accessKey, secretKey })
}

function filesOnDisk(): string[] {
  return readdirSync(join(dataDir, 'object-store/blobs'))
}

test('what was acknowledged survives kill -9; what was half sent leaves no trace after the next start', async () => {
  const first = await startInProcess()
  const s3 = clientOf(first.address)
  const body = randomBytes(300_000)
  await s3.makeBucket('kept')
  await s3.putObject('kept', 'whole', body, body.length, { 'Content-Type': 'image/png' })

  // A body that stops half-way: its beginning is on the disk when the store is killed.
  const cutOff = Promise.withResolvers<never>()
  async function* stalling() {
    yield randomBytes(1_000_000)
    await cutOff.promise
  }
  const url = new URL(await s3.presignedPutObject('kept', 'half', 60))
  const upload = request(url, { method: 'PUT', headers: { 'content-length': 1024 ** 3 } })
  const ended = once(upload, 'error')
  Readable.from(stalling())
    .on('error', () => {})
    .pipe(upload)
  await vi.waitFor(() => expect(filesOnDisk().filter((name) => name.endsWith('.unfinished'))).toHaveLength(1))
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  await ended
  expect(filesOnDisk()).toHaveLength(2)

  const second = await startInProcess()
  expect(second.address).toEqual(first.address)
  const again = clientOf(second.address)
  expect(await buffer(await again.getObject('kept', 'whole'))).toEqual(body)
  expect((await again.statObject('kept', 'whole')).metaData['content-type']).toBe('image/png')
  await expect(again.statObject('kept', 'half')).rejects.toMatchObject({ code: 'NotFound' })
  expect(filesOnDisk()).toHaveLength(1)
  second.child.kill('SIGKILL')
  await once(second.child, 'exit')
})

test('replacing and deleting leave no files behind, and a reader that has begun gets its bytes to the end', async () => {
  const store = await startObjectStore({ dataDir, log: console.error, test: true })
  const s3 = clientOf(store)
  const [old, fresh] = [randomBytes(8_000_000), randomBytes(1000)]
  await s3.putObject('kept', 'whole', old)
  const reader = await s3.getObject('kept', 'whole')
  const [beginning] = (await once(reader, 'data')) as [Buffer]
  reader.pause()
  await s3.putObject('kept', 'whole', fresh)
  expect(await buffer(await s3.getObject('kept', 'whole'))).toEqual(fresh)
  expect(Buffer.concat([beginning, await buffer(reader)]).equals(old)).toBe(true)
  await s3.removeObject('kept', 'whole')
  expect(filesOnDisk()).toEqual([])
  await store.stop()
})
