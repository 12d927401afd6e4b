import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedRedis, startRedis } from '../../src/embedded/redis.ts'

let dataDir: string
let redis: EmbeddedRedis

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'switchboard-redis-'))
  redis = await startRedis({ dataDir, log: () => {} })
})

afterAll(async () => {
  await redis.stop()
  rmSync(dataDir, { recursive: true })
})

async function withClient<T>(work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis.url)
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

test('an ordinary restart keeps the data and the address', async () => {
  const { port, url } = redis
  await withClient((client) => client.set('kept', 'yes'))
  await redis.stop()
  await redis.start()
  expect({ port: redis.port, url: redis.url }).toEqual({ port, url })
  expect(await withClient((client) => client.get('kept'))).toBe('yes')
})

test('restartEmpty forgets everything and keeps the address', async () => {
  await withClient((client) => client.set('lost', 'yes'))
  await redis.restartEmpty()
  expect(await withClient((client) => client.dbsize())).toBe(0)
})

test('nobody gets in without the password, and nothing is ever evicted', async () => {
  const stranger = new Redis({ host: '127.0.0.1', port: redis.port, retryStrategy: () => null })
  const [refusal] = await once(stranger, 'error')
  expect(String(refusal)).toMatch(/NOAUTH/)
  stranger.disconnect()
  const policy = await withClient((client) => client.config('GET', 'maxmemory-policy'))
  expect(policy).toContain('noeviction')
})

test('a server that a killed run left behind is replaced, with its data and on its port', async () => {
  await withClient((client) => client.set('survives', 'yes'))
  const told: string[] = []
  const next = await startRedis({ dataDir, log: (line) => told.push(line) })
  expect(told.join()).toContain('left behind')
  expect(next.url).toBe(redis.url)
  redis = next
  expect(await withClient((client) => client.get('survives'))).toBe('yes')
})

test('a pid of an earlier run that is another Redis by now is left alone', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'switchboard-redis-'))
  const other = await startRedis({ dataDir: elsewhere, log: () => {} })
  try {
    await redis.stop()
    const pidFile = join('redis', 'redis.pid')
    copyFileSync(join(elsewhere, pidFile), join(dataDir, pidFile))
    redis = await startRedis({ dataDir, log: () => {} })
    const client = new Redis(other.url)
    expect(await client.ping()).toBe('PONG')
    client.disconnect()
  } finally {
    await other.stop()
    rmSync(elsewhere, { recursive: true })
  }
})
