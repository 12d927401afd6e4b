import { addDesk, caughtUp, connected, connectsOf, introduce, socketUrl } from '../crm.ts'
import { formatPosition } from '../../src/contract/position.ts'
import { readHead } from '../../src/log/read.ts'
import type { Figure, Measurement } from '../goal.ts'
import { type Part, startPart, startProduct } from '../part.ts'
import { interleaved, slope } from '../rounds.ts'
import type { Tenant, World } from '../world.ts'

/** Clients that come at once, two tabs per person. */
const crowd = 1000
const missedEvents = 100
/** Memory is the slope through these, so that what a process holds anyway is not counted as sessions. */
const crowds = [1000, 2000, 3000, 4000, 5000, 6000]
const sessionsPerTenant = 200

/** RSS per session: of a fresh process, over growing crowds, each time after a collection. */
async function bytesPerSession(
  server: Part,
  client: Part,
  connect: (from: number) => Promise<void>,
): Promise<number> {
  const sizes: [sessions: number, bytes: number][] = []
  let at = 0
  for (const sessions of crowds) {
    for (; at < sessions; at += sessionsPerTenant) await connect(at)
    await client.call('pong', { group: 'all' })
    await settled(server)
    sizes.push([sessions, (await server.usage(true)).rssBytes])
  }
  return slope(sizes)
}

async function ourMemory(world: World, tenants: readonly Tenant[]): Promise<number> {
  const { part, port } = await startProduct('gateway/main.ts', world.environment)
  const client = await startPart('parts/sockets.ts')
  try {
    return await bytesPerSession(part, client, async (from) => {
      await client.call('connect', {
        group: 'all',
        url: socketUrl(port),
        connects: connectsOf(world, tenants[from / sessionsPerTenant] as Tenant, {
          count: sessionsPerTenant,
        }),
        until: caughtUp,
        counted: '42["message.',
      })
    })
  } finally {
    await Promise.all([client.stop(), part.stop()])
  }
}

async function plainMemory(): Promise<number> {
  const part = await startPart('peers/socketio-default.ts')
  const client = await startPart('parts/sockets.ts')
  const url = socketUrl(await part.call<number>('port'))
  try {
    return await bytesPerSession(part, client, async () => {
      await client.call('connect', plainConnect(url, sessionsPerTenant))
    })
  } finally {
    await Promise.all([client.stop(), part.stop()])
  }
}

const plainConnect = (url: string, count: number) => ({
  group: 'all',
  url,
  connects: Array.from({ length: count }, () => '40'),
  until: connected,
  counted: '42["message.',
})

async function memory(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const tenants: Tenant[] = []
  for (let sessions = 0; sessions < Math.max(...crowds); sessions += sessionsPerTenant) {
    const tenant = await world.addTenant()
    await introduce(world, tenant, sessionsPerTenant)
    tenants.push(tenant)
  }
  const found = await interleaved(Math.min(rounds, 3), {
    ours: () => ourMemory(world, tenants),
    plain: plainMemory,
  })
  log(`bytes per session: ${JSON.stringify(found.all)}`)
  const kib = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`
  return [
    {
      goal: 'G7',
      what: 'memory of an idle authenticated session, against Socket.IO default',
      ours: kib(found.ours),
      peer: kib(found.plain),
      value: found.ours / found.plain,
      unit: 'x',
      better: 'less',
      must: 1,
      reach: 0.75,
    },
  ]
}

/**
 * Those who are connected go, something may happen, and they come back at once: CPU microseconds per client until each is
 * live again. They are back before their absence would be told, so that this measures connects and not presence.
 */
async function comeBack(
  server: Part,
  client: Part,
  connect: () => Promise<object>,
  meanwhile: () => Promise<void> = async () => {},
): Promise<number> {
  const packets = await connect()
  await client.call('disconnect', { group: 'all' })
  await meanwhile()
  await settled(server)
  return (await server.cpuDuring(() => client.call('connect', packets))) / crowd
}

/** Waits until a server has nothing left to do: goodbyes of a thousand clients take it a moment. */
async function settled(server: Part): Promise<void> {
  for (;;) {
    const cpuUs = await server.cpuDuring(() => new Promise((resolve) => setTimeout(resolve, 300)))
    if (cpuUs < 15_000) return
  }
}

async function connects(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const tenant = await world.addTenant()
  const desk = await addDesk(world, tenant, 50)
  await introduce(world, tenant, crowd)
  const gateway = await startProduct('gateway/main.ts', world.environment)
  const writer = await startPart('parts/writer.ts', { environment: world.environment })
  const plain = await startPart('peers/socketio-default.ts')
  const [client, plainClient] = [await startPart('parts/sockets.ts'), await startPart('parts/sockets.ts')]
  const plainUrl = socketUrl(await plain.call<number>('port'))
  const fromHead = async () => ({
    group: 'all',
    url: socketUrl(gateway.port),
    connects: connectsOf(world, tenant, {
      count: crowd,
      position: formatPosition(await readHead(world.deps, tenant.id)),
    }),
    until: caughtUp,
    counted: '42["message.',
  })
  const commitMissed = () =>
    writer.call('commit', {
      tenantId: tenant.id,
      conversationIds: desk.conversationIds,
      commits: missedEvents / 10,
      eventsPerCommit: 10,
      intervalMs: 5,
    })
  try {
    await client.call('connect', await fromHead())
    await client.call('quiet', { group: 'all', forMs: 2500 })
    const found = await interleaved(rounds, {
      nothing: () => comeBack(gateway.part, client, fromHead),
      missed: () => comeBack(gateway.part, client, fromHead, commitMissed),
      plain: () => comeBack(plain, plainClient, () => Promise.resolve(plainConnect(plainUrl, crowd))),
    })
    log(`CPU µs per connect: ${JSON.stringify(found.all)}`)
    const us = (value: number) => `${value.toFixed(0)} µs`
    const ratio = { unit: 'x', better: 'less' } as const
    return [
      {
        goal: 'G8',
        what: 'connect with token, hello and caught-up, against Socket.IO default without any',
        ours: us(found.nothing),
        peer: us(found.plain),
        value: found.nothing / found.plain,
        ...ratio,
        must: 2,
        reach: 1.3,
      },
      {
        goal: 'G9',
        what: `catching up ${missedEvents} missed events, ${crowd} clients at once, against having missed none`,
        ours: us(found.missed),
        peer: us(found.nothing),
        value: found.missed / found.nothing,
        ...ratio,
        must: 2,
        reach: 1.2,
      },
    ]
  } finally {
    await Promise.all([client, plainClient, writer, plain, gateway.part].map((part) => part.stop()))
  }
}

/** G7: what a session weighs that only waits. */
export const idleMemory: Measurement = { goals: ['G7'], run: memory }

/** G8, G9: what coming and coming back cost. */
export const comingBack: Measurement = { goals: ['G8', 'G9'], run: connects }
