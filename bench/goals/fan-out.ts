import { addDesk, caughtUp, connected, connectsOf, type Desk, introduce, socketUrl } from '../crm.ts'
import type { Figure, Measurement } from '../goal.ts'
import { type Part, startPart, startProduct } from '../part.ts'
import { interleaved } from '../rounds.ts'
import type { Tenant, World } from '../world.ts'

/** As much as a status of a message is as a frame; the peers' events have the same length. */
const frameBytes = 300

interface Load {
  readonly sockets: number
  readonly ticks: number
  readonly events: number
  readonly intervalMs: number
}

/** Paced so that nothing queues: about 25,000 deliveries a second. */
const paced200: Load = { sockets: 200, ticks: 200, events: 1, intervalMs: 8 }
const paced1000: Load = { sockets: 1000, ticks: 50, events: 1, intervalMs: 40 }
/** 200 events each, all ways alike. */
const warmUps = 4
/** Enough that a tenth of a microsecond each could be seen. */
const bells = 50_000
const bursts200: Load = { sockets: 200, ticks: 50, events: 10, intervalMs: 40 }

interface Field {
  readonly world: World
  readonly tenant: Tenant
  readonly desk: Desk
  readonly gateway: { part: Part; port: number }
  readonly writer: Part
  readonly bare: Part
  readonly plain: Part
  readonly publisher: Part
  readonly clients: Record<Way, Part>
}

type Way = 'ours' | 'bare' | 'plain'

async function openField(world: World): Promise<Field> {
  const tenant = await world.addTenant()
  const redisUrl = world.environment['REDIS_URL'] ?? ''
  const [ours, bare, plain] = [
    await startPart('parts/sockets.ts'),
    await startPart('parts/sockets.ts'),
    await startPart('parts/sockets.ts'),
  ]
  return {
    world,
    tenant,
    desk: await addDesk(world, tenant, 50),
    gateway: await startProduct('gateway/main.ts', world.environment),
    writer: await startPart('parts/writer.ts', { environment: world.environment }),
    bare: await startPart('peers/ws-broadcast.ts'),
    plain: await startPart('peers/socketio-redis.ts', { args: [redisUrl] }),
    publisher: await startPart('peers/socketio-redis.ts', { args: [redisUrl] }),
    clients: { ours, bare, plain },
  }
}

async function closeField(field: Field): Promise<void> {
  const { gateway, writer, bare, plain, publisher, clients } = field
  const parts = [...Object.values(clients), gateway.part, writer, bare, plain, publisher]
  await Promise.all(parts.map((part) => part.stop()))
}

/** Brings each way to so many sockets. */
async function connect(field: Field, from: number, sockets: number): Promise<void> {
  const { world, tenant, gateway, bare, plain, clients } = field
  const count = sockets - from
  const none = Array.from({ length: count }, () => null)
  await clients.ours.call('connect', {
    group: 'all',
    url: socketUrl(gateway.port),
    connects: connectsOf(world, tenant, { from, count }),
    until: caughtUp,
    counted: '42["message.',
  })
  await clients.bare.call('connect', {
    group: 'all',
    url: `ws://127.0.0.1:${await bare.call<number>('port')}`,
    connects: none,
    until: '',
    counted: '42["event"',
  })
  await clients.plain.call('connect', {
    group: 'all',
    url: socketUrl(await plain.call<number>('port')),
    connects: none.map(() => '40'),
    until: connected,
    counted: '42["event"',
  })
  await clients.ours.call('quiet', { group: 'all', forMs: 2500 })
}

/** CPU microseconds per delivery while a load passes and until all of it arrived. */
async function perDelivery(field: Field, way: Way, load: Load): Promise<number> {
  const { clients, gateway, writer, bare, plain, publisher, tenant, desk } = field
  const server = { ours: gateway.part, bare, plain }[way]
  const client = clients[way]
  const deliveries = load.ticks * load.events * load.sockets
  const before = await client.call<number>('events', { group: 'all' })
  const feed = {
    ours: () =>
      writer.call('commit', {
        tenantId: tenant.id,
        conversationIds: desk.conversationIds,
        commits: load.ticks,
        eventsPerCommit: load.events,
        intervalMs: load.intervalMs,
      }),
    bare: () => bare.call('broadcast', { ...load, bytes: frameBytes }),
    plain: () => publisher.call('publish', { ...load, bytes: frameBytes }),
  }[way]
  const cpuUs = await server.cpuDuring(async () => {
    await feed()
    await client.call('reach', { group: 'all', events: before + deliveries })
  })
  return cpuUs / deliveries
}

const us = (value: number) => `${value.toFixed(2)} µs`

/** What bells of another tenant cost a gateway that has no socket of it, beside what it does anyway. */
async function foreignBells(field: Field, rounds: number, log: (line: string) => void): Promise<Figure> {
  const { world, gateway, writer } = field
  const foreign = await world.addTenant()
  const ring = (times: number) => writer.call('ring', { tenantId: foreign.id, times })
  const startedAt = performance.now()
  await ring(bells)
  const tookMs = performance.now() - startedAt
  const found = await interleaved(rounds, {
    rung: () => gateway.part.cpuDuring(() => ring(bells)),
    silent: () => gateway.part.cpuDuring(() => new Promise((resolve) => setTimeout(resolve, tookMs))),
  })
  log(`CPU µs while ${bells} bells of another tenant ring: ${JSON.stringify(found.all)}`)
  const perBell = Math.max(0, found.rung - found.silent) / bells
  return {
    goal: 'G10',
    what: 'an event of a tenant that has no socket here, against silence',
    ours: `${(found.rung / 1000).toFixed(0)} ms`,
    peer: `${(found.silent / 1000).toFixed(0)} ms`,
    value: perBell,
    unit: 'us',
    better: 'less',
    must: 0.1,
    reach: 0.02,
  }
}

async function run(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const field = await openField(world)
  const figures: Figure[] = []
  try {
    await introduce(world, field.tenant, paced1000.sockets)
    let connectedSockets = 0
    for (const load of [paced200, bursts200, paced1000]) {
      if (load.sockets > connectedSockets) await connect(field, connectedSockets, load.sockets)
      connectedSockets = load.sockets
      const way = (name: Way) => () => perDelivery(field, name, load)
      if (load === bursts200) {
        const found = await interleaved(rounds, { ours: way('ours'), bare: way('bare') })
        log(`10 events per tick, 200 sockets: ${JSON.stringify(found.all)}`)
        figures.push(
          figure(
            'G2',
            '10 events per tick, 200 sockets, against bare ws frame by frame',
            found.ours,
            found.bare,
            0.4,
            0.2,
          ),
        )
        figures.push(await foreignBells(field, rounds, log))
        continue
      }
      const found = await interleaved(
        rounds,
        { ours: way('ours'), bare: way('bare'), plain: way('plain') },
        warmUps,
      )
      const what = `one event at a time, ${load.sockets} sockets, against`
      log(`paced, ${load.sockets} sockets: ${JSON.stringify(found.all)}`)
      figures.push(
        figure('G1', `${what} bare ws`, found.ours, found.bare, 1.5, 1.15),
        figure('G3', `${what} Socket.IO with the Redis adapter`, found.ours, found.plain, 0.9, 0.6),
      )
    }
  } finally {
    await closeField(field)
  }
  return figures
}

function figure(goal: string, what: string, ours: number, peer: number, must: number, reach: number): Figure {
  return {
    goal,
    what,
    ours: us(ours),
    peer: us(peer),
    value: ours / peer,
    unit: 'x',
    better: 'less',
    must,
    reach,
  }
}

/** G1, G2, G3, G10: what it costs a gateway to hand an event to a socket, or to nobody. */
export const fanOut: Measurement = { goals: ['G1', 'G2', 'G3', 'G10'], run }
