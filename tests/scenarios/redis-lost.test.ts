import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { recordFacts } from '../gateway/setup.ts'
import type { Console } from '../harness/console.ts'
import { eventually } from '../harness/eventually.ts'
import { shown } from '../harness/replay.ts'
import { TestClient } from '../harness/socket-client.ts'
import { startTcpProxy } from '../harness/tcp-proxy.ts'
import { type Legs, roundTrip } from './round-trip.ts'
import { startSystem, type System } from './system.ts'

/** A sweep, a poll and a second: what a doorbell that nobody hears may cost. */
const sweepMs = 500
const pollMs = 1000
const bound = sweepMs + pollMs + 1000

let system: System
let screen: Console
beforeAll(async () => {
  system = await startSystem({ environment: { SWEEP_MS: String(sweepMs), POLL_MS: String(pollMs) } })
  screen = system.open('admin')
  await screen.start()
  await roundTrip(system, screen)
}, 120_000)
afterAll(() => system[Symbol.asyncDispose]())

/** Round trips beside a mischief that goes on until they are done, some at a time; it must have been done so often by then. */
async function meanwhile(
  mischief: (redis: Redis) => Promise<unknown>,
  trips: number,
  least: number,
): Promise<Legs[]> {
  const redis = new Redis(system.redis.url, { connectionName: 'mischief' })
  redis.on('error', () => {})
  let isOver = false
  let times = 0
  const raging = (async () => {
    while (!isOver || times < least) {
      await mischief(redis)
      times++
      await pause(30)
    }
  })()
  const legs: Legs[] = []
  try {
    for (let n = 0; n < trips; n += 4)
      legs.push(...(await Promise.all(Array.from({ length: 4 }, () => roundTrip(system, screen)))))
  } finally {
    isOver = true
    await raging
    redis.disconnect()
  }
  expect(times).toBeGreaterThanOrEqual(least)
  return legs
}

/** What must be true whatever happened to Redis: nothing sent twice, and a screen that needs no reload. */
async function expectWhole(): Promise<void> {
  for (const { ref } of system.network.sends) expect(system.network.acceptedOf(ref)).toBe(1)
  await eventually(async () => {
    const [head] = await system.asOwner<{ seq: string }>(
      'select seq from tenant_heads where tenant_id = $1',
      [system.hub.tenant.id],
    )
    expect(screen.isSettled).toBe(true)
    expect(screen.state.position.seq).toBe(Number(head?.seq))
  })
  expect(shown(screen.state)).toEqual(shown(await screen.fresh()))
  expect(system.deaths).toEqual([])
  expect(screen.notices).toEqual([])
  expect(screen.connects).toBe(1)
}

const slowest = (legs: readonly Legs[], leg: keyof Legs) => Math.max(...legs.map((one) => one[leg]))

function expectQuick(legs: readonly Legs[]): void {
  expect(slowest(legs, 'toScreen')).toBeLessThan(bound)
  expect(slowest(legs, 'toNetwork')).toBeLessThan(bound)
  expect(slowest(legs, 'settled')).toBeLessThan(bound)
}

describe('[SYS7] from a customer to the agent and back, in processes of their own,', () => {
  test('[B1] while Redis is flushed thirty times a second: nothing is lost or doubled, nothing takes longer than a sweep and a poll', async () => {
    const legs = await meanwhile((redis) => redis.flushall(), 16, 30)
    expect(legs).toHaveLength(16)
    expectQuick(legs)
    await expectWhole()
  }, 60_000)

  test('[B4] while connections to Redis are killed, a hundred times each kind: the same, and bells are heard again afterwards', async () => {
    const admin = new Redis(system.redis.url)
    admin.on('error', () => {})
    const channel = `${system.hub.config.REDIS_PREFIX}:bell:${system.hub.tenant.id}`
    const listeners = () => admin.call('PUBSUB', 'SHARDNUMSUB', channel)
    const before = await listeners()
    let killed = 0
    const legs = await meanwhile(
      async (redis) => {
        killed += Number(await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'))
        killed += Number(await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'))
      },
      24,
      100,
    )
    expect(killed).toBeGreaterThan(100)
    expectQuick(legs)
    await expectWhole()
    await eventually(async () => expect(await listeners()).toEqual(before))
    admin.disconnect()
  }, 60_000)

  test('[B3] when Redis comes back empty while workers wait for work: they resume by themselves', async () => {
    const [legs] = await Promise.all([
      Promise.all(Array.from({ length: 4 }, () => roundTrip(system, screen))),
      system.redis.restartEmpty(),
    ])
    expectQuick(legs)
    await eventually(async () => {
      const { toScreen, toNetwork } = await roundTrip(system, screen)
      expect(Math.max(toScreen, toNetwork)).toBeLessThan(sweepMs / 2)
    }, 30_000)
    await expectWhole()
  }, 90_000)

  test('[B11] processes that are started without Redis serve, and find it within 15 s when it comes', async () => {
    await system.redis.stop()
    for (const part of ['gateway', 'rest', 'workers'] as const) {
      const [old] = system.running(part)
      await system.kill(old!)
    }
    await eventually(() => expect(screen.socket.connected).toBe(true))
    expectQuick([await roundTrip(system, screen)])
    await system.redis.start()
    const appeared = performance.now()
    await eventually(async () => {
      const { toScreen, toNetwork } = await roundTrip(system, screen)
      expect(Math.max(toScreen, toNetwork)).toBeLessThan(sweepMs / 2)
    }, 15_000)
    console.log(`Redis was found after ${Math.round(performance.now() - appeared)} ms`)
  }, 90_000)
})

test('[SYS7] a connection to Redis that breaks in the moment it is ready takes no process with it, and bells are heard over the next one', async () => {
  await using breaking = await startSystem({ rests: 0, workers: 0, gateways: 0 })
  const { hub, redis } = breaking
  const url = new URL(redis.url)
  await using line = await startTcpProxy(Number(url.port))
  url.port = String(line.port)
  const { port } = await breaking.start('gateway', { REDIS_URL: url.toString() })
  const tenants = [hub.tenant, await hub.addTenant(), await hub.addTenant()]
  const clients = tenants.map(
    ({ slug }) => new TestClient({ port, token: hub.token('admin', { tenant: slug }), reconnection: true }),
  )
  hub.onClose(async () => {
    for (const client of clients) client.close()
  })
  for (const client of clients) await client.next('caught-up')
  for (let n = 0; n < 5; n++) {
    // What ioredis asks before it calls a connection ready, on whichever of them asks first.
    const ready = line.withholdAnswer(/\r\ninfo\r\n/i)
    line.cut()
    await ready.arrived
    ready.releaseAndReset()
  }
  const admin = new Redis(redis.url)
  for (const { id } of tenants)
    await eventually(async () => {
      const channel = `${hub.config.REDIS_PREFIX}:bell:${id}`
      expect(await admin.call('PUBSUB', 'SHARDNUMSUB', channel)).toEqual([channel, 1])
    })
  admin.disconnect()
  for (const { id } of tenants) await inTenant(hub.deps, id, async (tx) => recordFacts(tx, 1))
  for (const client of clients) await client.next('consent.changed')
  expect(breaking.deaths).toEqual([])
}, 60_000)
