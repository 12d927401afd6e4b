import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parsePosition } from '../../src/contract/position.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { recordFacts } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { TestClient } from '../harness/socket-client.ts'
import { startSystem } from './system.ts'

const crowd = 1000
const kills = 8

test('[SYS2] [A1] a gateway that is killed at any moment costs its clients, 1,000 on two gateways, a reconnect: all are live again within 10 s, nothing is missing, nothing comes twice', {
  timeout: 180_000,
}, async () => {
  const random = seededRandom(stormSeed('gateways killed'))
  await using system = await startSystem({
    gateways: 2,
    rests: 0,
    workers: 0,
    random,
    environment: { SOCKETS_PER_USER: '2000' },
  })
  const { hub, sockets } = system
  const token = hub.token('admin')
  const clients = Array.from(
    { length: crowd },
    () => new TestClient({ port: sockets.port, token, reconnection: true }),
  )
  hub.onClose(async () => {
    for (const client of clients) client.close()
  })
  const starts = await Promise.all(clients.map(async (client) => (await client.next('caught-up')).position))

  let isOver = false
  const writing = (async () => {
    while (!isOver) {
      await inTenant(hub.deps, hub.tenant.id, async (tx) => recordFacts(tx, 1 + Math.floor(random() * 3)))
      await pause(random() * 500)
    }
  })()
  const times: number[] = []
  for (let n = 0; n < kills; n++) {
    const before = (await readHead(hub.deps, hub.tenant.id)).seq
    // Some way into the stream, never at a place of its own.
    const moment = before + 2 + Math.floor(random() * 8)
    await eventually(async () =>
      expect((await readHead(hub.deps, hub.tenant.id)).seq).toBeGreaterThan(moment),
    )
    // The one that lived longest: everybody whom the last kill drove out is there.
    const [victim] = system.running('gateway')
    const replaced = system.kill(victim!)
    const killed = performance.now()
    await eventually(() =>
      expect(clients.filter(({ socket }) => !socket.connected).length).toBeGreaterThan(0),
    )
    const { seq } = await readHead(hub.deps, hub.tenant.id)
    await eventually(() => {
      const behind = clients.filter(
        ({ socket, position }) => !socket.connected || (parsePosition(position)?.seq ?? 0) < seq,
      )
      expect(behind.length, 'clients that are not live again').toBe(0)
    }, 10_000)
    times.push(Math.round(performance.now() - killed))
    await replaced
  }
  isOver = true
  await writing
  const { seq: head } = await readHead(hub.deps, hub.tenant.id)
  await eventually(() => expect(clients.every(({ seqs }) => seqs.at(-1) === head)).toBe(true))
  for (const [place, client] of clients.entries()) {
    const from = Number(starts[place]?.split(':')[1])
    expect(client.seqs, `client ${place}`).toEqual(
      Array.from({ length: head - from }, (_, at) => from + at + 1),
    )
    expect(client.faults).toEqual([])
    expect(client.of('reset')).toEqual([])
  }
  console.log(`${head} events, ${crowd} clients; all live again after ${times.join(', ')} ms`)
})
