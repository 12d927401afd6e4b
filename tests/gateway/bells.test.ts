import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { silentDoorbell } from '../../src/doorbell/silent-doorbell.ts'
import type { Deps } from '../../src/deps.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { eventually } from '../harness/eventually.ts'
import { RawSocket } from '../harness/raw-socket.ts'
import type { TestClient } from '../harness/socket-client.ts'
import { type GatewayHub, recordFacts, startGatewayHub } from './setup.ts'

async function pages(deps: Pick<Deps, 'metrics'>, from: 'bell' | 'log'): Promise<number> {
  const { values } = await deps.metrics.tailPages.get()
  return values.find(({ labels }) => labels.from === from)?.value ?? 0
}

const facts = (client: TestClient) => client.of('consent.changed')

/** Bells of a tenant as they pass through Redis, and a hand that rings. */
async function tapBells(hub: GatewayHub, tenantId: string) {
  const [url] = hub.config.REDIS_URL
  const [ear, hand] = [new Redis(url ?? ''), new Redis(url ?? '')]
  const channel = `${hub.config.REDIS_PREFIX}:bell:${tenantId}`
  const heard: Buffer[] = []
  ear.on('smessageBuffer', (_channel: Buffer, message: Buffer) => heard.push(message))
  await ear.ssubscribe(channel)
  hub.onClose(async () => {
    ear.disconnect()
    hand.disconnect()
  })
  return { heard, ring: (message: string | Buffer) => hand.spublish(channel, message) }
}

test('[GW18] a small commit arrives with its bell, unread, and is word for word what a replay gives', async () => {
  await using hub = await startGatewayHub()
  const live = await hub.raw().open(hub.token('admin'))
  await live.next((text) => text.startsWith('42["caught-up"'))
  await eventually(() => expect(hub.deps.doorbell.connected).toBe(true))
  await hub.happen()
  await eventually(() => expect(live.received.filter((text) => text.includes('consent'))).toHaveLength(1))
  const [byBell, byLog] = [await pages(hub.deps, 'bell'), await pages(hub.deps, 'log')]
  for (let i = 0; i < 10; i++) await hub.happen(2)
  const heard = () => live.received.filter((text) => text.includes('"consent.changed"'))
  await eventually(() => expect(heard()).toHaveLength(21))
  expect(await pages(hub.deps, 'bell')).toBe(byBell + 10)
  expect(await pages(hub.deps, 'log')).toBe(byLog)

  const { gateway } = await hub.another({ SOCKET_TAIL_EVENTS: 1 })
  const back = await hub.raw().open(hub.token('admin'), '1:0')
  const elsewhere = await new RawSocket(gateway.port).open(hub.token('admin'), '1:0')
  hub.onClose(async () => elsewhere.close())
  for (const replayed of [back, elsewhere]) {
    await replayed.next((text) => text.startsWith('42["caught-up"'))
    expect(replayed.received.filter((text) => text.includes('"consent.changed"'))).toEqual(heard())
  }
})

test('[GW18] bells that were doubled, garbled, forged, held back or meant for others change nothing of what is heard', async () => {
  await using hub = await startGatewayHub({ POLL_MS: '2000' })
  const other = await hub.addTenant()
  const ana = hub.connect()
  await ana.next('caught-up')
  const mine = await tapBells(hub, hub.tenant.id)
  const theirs = await tapBells(hub, other.id)
  await hub.happen(2)
  await inTenant(hub.deps, other.id, (tx) => Promise.resolve(recordFacts(tx, 1)))
  await eventually(() => expect([mine.heard.length, theirs.heard.length]).toEqual([1, 1]))
  await eventually(() => expect(facts(ana)).toHaveLength(2))
  const [bell] = mine.heard as [Buffer]
  const head = ana.seqs.at(-1) ?? 0
  expect(bell.toString()).not.toContain('consent')

  const forged = JSON.stringify([
    1,
    head + 1,
    [
      [
        head + 1,
        'consent.changed',
        '2026-01-01T00:00:00.000Z',
        { kind: 'tenant' },
        null,
        null,
        null,
        '{}',
        '{}',
      ],
    ],
  ])
  const garbled = Buffer.from(bell)
  garbled[garbled.length - 20]! ^= 1
  const hostile = [
    bell,
    bell,
    garbled,
    bell.subarray(0, 40),
    theirs.heard[0]!,
    forged,
    randomBytes(300),
    '\n',
    '',
  ]
  for (const message of hostile) await mine.ring(message)
  await hub.happen(1)
  await eventually(() => expect(facts(ana)).toHaveLength(3))
  for (const message of hostile) await mine.ring(message)

  // A commit whose bell is lost: the next one does not continue, so the log is asked at once.
  await inTenant({ ...hub.deps, doorbell: silentDoorbell }, hub.tenant.id, (tx) =>
    Promise.resolve(recordFacts(tx, 1)),
  )
  await hub.happen(1)
  await eventually(() => expect(facts(ana)).toHaveLength(5), 1500)
  await mine.ring(mine.heard.at(-1) as Buffer)
  await hub.happen(1)
  await eventually(() => expect(facts(ana)).toHaveLength(6))
  expect(ana.seqs).toEqual(ana.seqs.map((_, i) => (ana.seqs[0] ?? 0) + i))
  expect(ana.faults).toEqual([])
})

test('[GW18] who cannot open a bell reads the log: another key, none told, or too much', async () => {
  for (const changes of [
    { ENCRYPTION_KEY: randomBytes(32).toString('base64') },
    { DOORBELL_NEWS_BYTES: 0 },
    { DOORBELL_NEWS_BYTES: 150 },
  ]) {
    await using hub = await startGatewayHub()
    const { deps } = await hub.another(changes)
    const ana = hub.connect()
    await ana.next('caught-up')
    const [byBell, byLog] = [await pages(hub.deps, 'bell'), await pages(hub.deps, 'log')]
    await inTenant(deps, hub.tenant.id, (tx) => Promise.resolve(recordFacts(tx, 1)))
    await eventually(() => expect(facts(ana)).toHaveLength(1))
    expect(await pages(hub.deps, 'bell')).toBe(byBell)
    expect(await pages(hub.deps, 'log')).toBeGreaterThan(byLog)
  }
})
