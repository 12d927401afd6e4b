import { mkdtempSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { type EmbeddedRedis, startRedis } from '../../src/embedded/redis.ts'
import { eventually } from '../harness/eventually.ts'
import { startGatewayHub } from './setup.ts'

/** A Redis of this test's own, which may be mistreated. */
async function ownRedis(): Promise<EmbeddedRedis & AsyncDisposable> {
  const redis = await startRedis({
    dataDir: mkdtempSync(join(tmpdir(), 'switchboard-redis-')),
    log: () => {},
    test: true,
  })
  return { ...redis, [Symbol.asyncDispose]: () => redis.stop() }
}

test('[GW6] B1: facts arrive while Redis is flushed again and again', async () => {
  await using redis = await ownRedis()
  await using hub = await startGatewayHub({ REDIS_URL: redis.url })
  const ana = hub.connect()
  await ana.next('caught-up')
  const admin = new Redis(redis.url)
  for (let i = 1; i <= 20; i++) {
    await admin.flushall()
    await hub.happen()
    await eventually(() => expect(ana.of('consent.changed')).toHaveLength(i), 3000)
  }
  admin.disconnect()
  expect(ana.faults).toEqual([])
})

test('[GW6] B2: without Redis facts arrive within the poll, newcomers come in, and the bell is back with it', async () => {
  await using redis = await ownRedis()
  await using hub = await startGatewayHub({ REDIS_URL: redis.url, POLL_MS: '300' })
  const ana = hub.connect()
  await ana.next('caught-up')
  await redis.stop()
  await eventually(() => expect(hub.deps.doorbell.connected).toBe(false))
  for (let i = 1; i <= 3; i++) {
    const at = performance.now()
    await hub.happen()
    await eventually(() => expect(ana.of('consent.changed')).toHaveLength(i), 3000)
    expect(performance.now() - at).toBeLessThan(2000)
  }
  const ben = hub.connect({ token: hub.token('agent') })
  await ben.next('caught-up')
  expect(await ben.send('presence.set', { state: 'away' })).toMatchObject({ ok: true })
  await redis.start()
  await eventually(() => expect(hub.deps.doorbell.connected).toBe(true))
  await hub.happen()
  await eventually(() => expect(ben.of('consent.changed').length).toBeGreaterThanOrEqual(1), 3000)
  const missed = async () =>
    (await hub.deps.metrics.registry.getSingleMetric('hub_doorbell_missed_total')?.get())?.values[0]?.value ??
    0
  expect(await missed()).toBeGreaterThanOrEqual(3)
  expect([...ana.faults, ...ben.faults]).toEqual([])
})

test('[GW6] B11: absent at boot, Redis is found when it appears', async () => {
  await using redis = await ownRedis()
  await redis.stop()
  await using hub = await startGatewayHub({ REDIS_URL: redis.url, POLL_MS: '300' })
  const ana = hub.connect()
  await ana.next('caught-up')
  await hub.happen()
  await ana.next('consent.changed', () => true, 3000)
  const { gateway: second } = await hub.another()
  await redis.start()
  await eventually(() => expect(hub.deps.doorbell.connected).toBe(true), 15_000)
  // Bells ring, and ephemerals travel between gateways, by subscriptions made since.
  const ben = hub.connect({ token: hub.token('agent'), port: second.port })
  await ben.next('caught-up')
  await eventually(async () => {
    await ben.send('presence.set', { state: ben.of('presence').length % 2 === 0 ? 'busy' : 'online' })
    expect(ana.of('presence').some(({ state }) => state === 'busy')).toBe(true)
  }, 15_000)
})

test('[GW6] B4: killed subscriptions are made again, and nothing is missed meanwhile', async () => {
  await using redis = await ownRedis()
  await using hub = await startGatewayHub({ REDIS_URL: redis.url, POLL_MS: '500' })
  const ana = hub.connect()
  await ana.next('caught-up')
  const admin = new Redis(redis.url)
  for (let i = 1; i <= 12; i++) {
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    if (i % 3 === 0) await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await hub.happen()
    await eventually(() => expect(ana.of('consent.changed')).toHaveLength(i), 3000)
  }
  await eventually(async () => {
    const channel = `${hub.config.REDIS_PREFIX}:bell:${hub.tenant.id}`
    expect(await admin.call('PUBSUB', 'SHARDNUMSUB', channel)).toEqual([channel, 1])
  })
  admin.disconnect()
  expect(ana.faults).toEqual([])
})

test('[GW6] B5: a line to Redis that is dead but looks open is found by its own bell and made anew', async () => {
  await using redis = await ownRedis()
  let connections = 0
  /** Connections up to this one carry nothing any more, and nobody says so. */
  let deadUpTo = 0
  const proxy = createServer((client) => {
    const number = ++connections
    const server = connect(redis.port, '127.0.0.1')
    const pass = (from: Socket, to: Socket) => {
      from.on('data', (chunk) => {
        if (number > deadUpTo) to.write(chunk)
      })
      from.on('close', () => to.destroy())
      from.on('error', () => {})
    }
    pass(client, server)
    pass(server, client)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as { port: number }
  const url = new URL(redis.url)
  url.port = String(port)
  await using hub = await startGatewayHub({
    REDIS_URL: url.toString(),
    DOORBELL_PING_MS: '200',
    POLL_MS: '2000',
  })
  const ana = hub.connect()
  await ana.next('caught-up')
  await eventually(() => expect(hub.deps.doorbell.connected).toBe(true))
  const before = connections
  deadUpTo = connections
  await eventually(() => expect(connections).toBeGreaterThan(before + 1), 5000)
  await eventually(async () => {
    const lag = await hub.deps.metrics.registry.getSingleMetric('hub_doorbell_lag_seconds')?.get()
    expect(lag?.values.length).toBeGreaterThan(0)
    expect(hub.deps.doorbell.connected).toBe(true)
  }, 5000)
  await hub.happen()
  await ana.next('consent.changed', () => true, 4000)
  proxy.close()
})
