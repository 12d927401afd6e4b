import { expect, test } from 'vitest'
import { eventually } from '../harness/eventually.ts'
import { startGatewayHub } from './setup.ts'

const valuesOf = async (hub: Awaited<ReturnType<typeof startGatewayHub>>, name: string) =>
  (await hub.deps.metrics.registry.getSingleMetric(name)?.get())?.values ?? []
const countOf = async (hub: Awaited<ReturnType<typeof startGatewayHub>>, name: string) =>
  (await valuesOf(hub, name))[0]?.value ?? 0

test('[GW12] E1: who stops reading is shown out at the byte limit; neighbours notice nothing and nobody misses anything', async () => {
  await using hub = await startGatewayHub()
  const neighbour = hub.connect()
  const { position } = await neighbour.next('caught-up')
  const sleepers = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      hub.raw().open(hub.token('agent', { sub: `sleeper-${i}` }), String(position)),
    ),
  )
  for (const sleeper of sleepers) {
    await sleeper.next((text) => text.startsWith('42["caught-up"'))
    sleeper.stopReading()
  }
  let sent = 0
  const waits: number[] = []
  await eventually(async () => {
    await hub.happen(20, 20_000)
    sent += 20
    const committed = performance.now()
    await eventually(() => expect(neighbour.of('consent.changed')).toHaveLength(sent))
    waits.push(performance.now() - committed)
    expect(await countOf(hub, 'hub_slow_kicks_total')).toBe(8)
  }, 25_000)
  console.log(`a neighbour of sleepers waited ${Math.round(Math.max(...waits))} ms at most`)
  // While others sleep, and while they are shown out.
  expect(Math.max(...waits)).toBeLessThan(1000)
  await eventually(() => expect(hub.gateway.sessions).toBe(1))
  expect(await valuesOf(hub, 'hub_socket_closes_total')).toContainEqual(
    expect.objectContaining({ labels: { code: 'slow' }, value: 8 }),
  )
  expect(neighbour.faults).toEqual([])
  // What they missed, they get.
  const back = hub.connect({ token: hub.token('agent', { sub: 'sleeper-0' }), position })
  await back.next('caught-up', () => true, 20_000)
  expect(back.of('consent.changed')).toHaveLength(sent)
  expect(back.faults).toEqual([])
})

test('[GW12] who leaves something unread for too long is shown out, below the byte limit', async () => {
  await using hub = await startGatewayHub({ SOCKET_BUFFER_MS: '400', SOCKET_BUFFER_BYTES: '1000000000' })
  const sleeper = await hub.raw().open(hub.token('agent'))
  await sleeper.next((text) => text.startsWith('42["caught-up"'))
  sleeper.stopReading()
  // Enough to fill the kernel's buffers on both sides.
  for (let i = 0; i < 12; i++) await hub.happen(20, 50_000)
  await eventually(async () => expect(await countOf(hub, 'hub_slow_kicks_total')).toBe(1))
  // What waited is told until the session is gone.
  expect(await countOf(hub, 'hub_socket_buffer_bytes')).toBeGreaterThan(0)
  await eventually(() => expect(hub.gateway.sessions).toBe(0))
  await eventually(async () => expect(await countOf(hub, 'hub_socket_buffer_bytes')).toBe(0))
})

test('[GW12] who reads on in time hears why it is shown out, after what waited for it, without a hole', async () => {
  await using hub = await startGatewayHub()
  const sleeper = await hub.raw().open(hub.token('agent'))
  await sleeper.next((text) => text.startsWith('42["caught-up"'))
  sleeper.stopReading()
  await eventually(async () => {
    await hub.happen(20, 20_000)
    expect(await countOf(hub, 'hub_slow_kicks_total')).toBe(1)
  }, 25_000)
  sleeper.readOn()
  expect(await sleeper.next((text) => text.startsWith('42["bye"'))).toBe(
    '42["bye",{"code":"slow","retryAfterMs":0,"reconnect":true}]',
  )
  await sleeper.closed
  const seqs = sleeper.received
    .filter((text) => text.startsWith('42["consent.changed"'))
    .map((text) => (JSON.parse(text.slice(2)) as [string, { seq: number }])[1].seq)
  const [first = 0] = seqs
  expect(seqs.length).toBeGreaterThan(20)
  expect(seqs).toEqual(seqs.map((_, place) => first + place))
})

test('[GW12] who reads slowly but steadily stays', async () => {
  await using hub = await startGatewayHub({ SOCKET_BUFFER_MS: '500' })
  const slow = await hub.raw().open(hub.token('agent'))
  await slow.next((text) => text.startsWith('42["caught-up"'))
  const count = () => slow.received.filter((text) => text.startsWith('42["consent.changed"')).length
  for (let i = 1; i <= 15; i++) {
    slow.stopReading()
    await hub.happen(2, 30_000)
    slow.readOn()
    await eventually(() => expect(count()).toBe(2 * i))
  }
  expect(hub.gateway.sessions).toBe(1)
})

test('[GW12] a replay waits for its reader and is given up with it', async () => {
  await using hub = await startGatewayHub({
    SOCKET_BUFFER_MS: '500',
    SOCKET_REPLAYS: '1',
    SOCKET_TAIL_EVENTS: '10',
    REPLAY_PAGE: '100',
  })
  await hub.signIn('admin')
  for (let i = 0; i < 10; i++) await hub.happen(100, 30_000)
  const stuck = hub.raw()
  await stuck.open()
  stuck.send(`40${JSON.stringify({ token: hub.token('agent'), position: '1:1' })}`)
  await stuck.next((text) => text.startsWith('42["hello"'))
  stuck.stopReading()
  // The only slot is free again when the stuck one is shown out.
  const other = hub.connect({ position: '1:1' })
  await other.next('caught-up', () => true, 20_000)
  expect(other.faults).toEqual([])
  await eventually(() => expect(hub.gateway.sessions).toBe(1))
})
