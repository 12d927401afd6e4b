import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { eventually } from '../harness/eventually.ts'
import { heapsOf, inspected } from '../harness/heap.ts'
import { type RestClient, restClient } from '../harness/rest-client.ts'
import { TestClient } from '../harness/socket-client.ts'
import { person } from '../ingest/cloud-bodies.ts'
import { type Legs, roundTrip } from './round-trip.ts'
import { startSystem, type System } from './system.ts'

/** How long Redis is away. `REDIS_AWAY_SECONDS=300 npx vitest run tests/scenarios/redis-away.test.ts` is the whole proof. */
const awaySeconds = Number(process.env['REDIS_AWAY_SECONDS'] ?? 10)
/** How long is looked at what is normal, before and after. */
const normalSeconds = Math.max(3, awaySeconds / 5)
/** The time without Redis is so many stretches of work; after each is looked at what the processes hold, which makes them pause. */
const stretches = 3
/** A few hundred requests have a p99 of two or three of them, which anything else on the machine decides. */
const fewRequestsMs = awaySeconds < 60 ? 250 : 0

/** For long as it is delivered, otherwise so that nobody waits for it longer than Redis is away. */
const sweepMs = awaySeconds < 60 ? 2000 : 5000
const pollMs = 1000
/** What a fact may take from its commit to the screen. */
const deliveredWithin = pollMs + 1000
/** Beside other tests a machine may be as slow as that; without polls a fact would wait until Redis is back. */
const busyMs = awaySeconds < 60 ? 2000 : 0
/** A leg on which a worker has to find its work by itself. */
const sweptWithin = sweepMs + deliveredWithin + 2000

/** What a process may hold more at the end than when it had been without Redis for a while. */
const mostGrowthBytes = 3 * 2 ** 20
const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1)
/** `…/gateway/main.ts` is the gateway. */
const partOf = (program: string) => program.split('/').at(-2) ?? ''

/** One stretch of work over REST: how long each request took, and what was committed, by a word that its event says. */
interface Stretch {
  readonly tookMs: number[]
  readonly statuses: Map<number, number>
  /** When the request was answered that committed it, monotonic milliseconds. */
  readonly committed: Map<string, number>
}

/** Four callers at once: of four requests two read, one changes a customer and one sends a message. */
async function work(
  rest: RestClient,
  token: string,
  conversations: readonly string[],
  customerId: number,
  isOver: () => boolean,
): Promise<Stretch> {
  const stretch: Stretch = { tookMs: [], statuses: new Map(), committed: new Map() }
  const call = async (method: string, path: string, json?: unknown, word?: string): Promise<void> => {
    const began = performance.now()
    const { status } = await rest.call(method, path, json === undefined ? { token } : { token, json })
    const now = performance.now()
    stretch.tookMs.push(now - began)
    stretch.statuses.set(status, (stretch.statuses.get(status) ?? 0) + 1)
    if (word) stretch.committed.set(word, now)
  }
  const caller = async (conversationId: string): Promise<void> => {
    while (!isOver()) {
      const [name, clientMessageId] = [randomUUID(), randomUUID()]
      await call('GET', '/admin/customers?limit=20')
      await call('PATCH', `/admin/customers/${customerId}`, { name }, name)
      await call('GET', `/api/v1/conversations/${conversationId}/messages`)
      const message = { clientMessageId, type: 'text', text: clientMessageId }
      await call('POST', `/api/v1/conversations/${conversationId}/messages`, message, clientMessageId)
      await pause(100)
    }
  }
  await Promise.all(conversations.map(caller))
  return stretch
}

const wordOf = (name: string, payload: Record<string, unknown>): string | undefined => {
  const data = payload['data'] as { customer?: { name: string }; message?: { text: string } } | undefined
  if (name === 'customer.updated') return data?.customer?.name
  return name === 'message.queued' ? data?.message?.text : undefined
}

/** Milliseconds from the answer to the screen, of everything that a stretch committed. */
function deliveries({ committed }: Stretch, watcher: TestClient): number[] {
  const shown = new Map(watcher.heard.map(({ name, payload, at }) => [wordOf(name, payload), at]))
  return [...committed].map(([word, at]) => Math.max(0, (shown.get(word) ?? Number.NaN) - at))
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.floor((sorted.length * percent) / 100)] ?? Number.NaN
}

const slowest = (legs: readonly Legs[], leg: keyof Legs) => Math.max(...legs.map((one) => one[leg]))

/** Connections of our processes to Redis, by the names that they have there. */
async function connected(admin: Redis): Promise<string[]> {
  const list = String(await admin.call('CLIENT', 'LIST'))
  return [...list.matchAll(/ name=(switchboard-\S+)/g)].map(([, name = '']) => name).sort()
}

test('[SYS7] [B2] while Redis is away: REST answers as ever, facts are on screens within a poll, messages go out within a sweep, and nothing piles up; when it is back, workers resume by themselves', {
  timeout: (awaySeconds + 2 * normalSeconds + 120) * 1000,
}, async () => {
  await using system = await startSystem({
    environment: {
      SWEEP_MS: String(sweepMs),
      POLL_MS: String(pollMs),
      // Four customers get in minutes what Meta allows in hours.
      SEND_PAIR_INTERVAL_MS: '0',
      // A send that a busy machine keeps for seconds is no send whose fate is unknown.
      PROVIDER_TIMEOUT_MS: '30000',
      SEND_LEASE_MS: '60000',
      ...inspected,
    },
  })
  const { hub, redis, network } = system
  const rest = restClient(system.restUrl)
  const token = hub.token('admin', { sub: 'caller' })
  const screen = system.open('admin')
  await screen.start()
  const watcher = new TestClient({ port: system.sockets.port, token: hub.token('admin', { sub: 'watcher' }) })
  hub.onClose(async () => watcher.close())
  await watcher.next('caught-up')
  const customers = Array.from({ length: 4 }, () => person())
  await Promise.all(customers.map((who) => roundTrip(system, screen, who)))
  const conversations = [...screen.state.conversations.keys()]
  expect(conversations).toHaveLength(4)
  const { body: made } = await rest.call<{ data: { id: number } }>('POST', '/admin/customers', {
    token,
    json: { name: 'Ana' },
  })
  const workFor = (seconds: number) => {
    const end = performance.now() + seconds * 1000
    return work(rest, token, conversations, made.data.id, () => performance.now() > end)
  }

  const shown = (stretch: Stretch) =>
    eventually(() => expect(deliveries(stretch, watcher)).not.toContain(Number.NaN))

  // Warm, then what is normal.
  await workFor(2)
  const before = await workFor(normalSeconds)
  const admin = new Redis(redis.url)
  admin.on('error', () => {})
  const lines = await eventually(() => connected(admin))
  expect(lines.length).toBeGreaterThan(5)

  const jobs = `${hub.config.REDIS_PREFIX}:deliver-outbound:id`
  // The counter of all jobs that ever were: what is added later can be counted, whoever takes it.
  const jobsBefore = Number(await admin.get(jobs))
  expect(jobsBefore).toBeGreaterThan(0)

  await redis.stop()
  let isOver = false
  const legs: Legs[] = []
  const trips = async (): Promise<void> => {
    while (!isOver) legs.push(await roundTrip(system, screen))
  }
  const conversing = Promise.all([trips(), trips()])
  const heaps = await heapsOf(system.said)
  const held = new Map(heaps.map(({ program }) => [partOf(program), [] as number[]]))
  expect([...held.keys()].sort()).toEqual(['gateway', 'rest', 'workers'])
  const away: Stretch[] = []
  for (let n = 0; n < stretches; n++) {
    const stretch = await workFor(awaySeconds / stretches)
    away.push(stretch)
    await shown(stretch)
    for (const heap of heaps) held.get(partOf(heap.program))?.push(await heap.heldBytes())
  }
  isOver = true
  await conversing
  for (const heap of heaps) heap[Symbol.dispose]()
  await eventually(async () => expect(await unsent(system)).toEqual([]), 30_000)

  await redis.start()
  const started = performance.now()
  await eventually(async () => expect(await connected(admin)).toEqual(lines), 30_000)
  const foundMs = performance.now() - started
  // Nobody kept in memory what could not be said to Redis, to say it now.
  expect(Number(await admin.get(jobs))).toBe(jobsBefore)
  await eventually(async () => {
    const again = await Promise.all(Array.from({ length: 4 }, () => roundTrip(system, screen)))
    // No sweep is that quick, four times in a row.
    expect(Math.max(slowest(again, 'toScreen'), slowest(again, 'toNetwork'))).toBeLessThan(sweepMs / 4)
  }, 30_000)
  const resumedMs = performance.now() - started
  const after = await workFor(normalSeconds)
  admin.disconnect()

  await shown(after)
  const normalMs = [before, after].flatMap(({ tookMs }) => tookMs)
  const awayMs = away.flatMap(({ tookMs }) => tookMs)
  const late = away.flatMap((stretch) => deliveries(stretch, watcher))
  const told = (values: readonly number[]) =>
    `p50 ${percentile(values, 50).toFixed(1)} ms, p99 ${percentile(values, 99).toFixed(1)} ms of ${values.length}`
  console.log(
    [
      `Redis away for ${awaySeconds} s: requests ${told(awayMs)}; with Redis ${told(normalMs)}`,
      `from the answer to the screen ${told(late)}, at most ${Math.round(Math.max(...late))} ms`,
      `${legs.length} round trips, at most ${slowest(legs, 'toScreen')} ms to the screen, ${slowest(legs, 'toNetwork')} ms to the network`,
      `held, MiB: ${[...held].map(([part, bytes]) => `${part} ${bytes.map(mebibytes).join(' ')}`).join('; ')}`,
      `Redis was found after ${Math.round(foundMs)} ms, work went on by bells and nudges after ${Math.round(resumedMs)} ms`,
    ].join('\n'),
  )

  for (const { statuses } of [before, ...away, after])
    expect([...statuses.keys()].filter((status) => status < 200 || status > 299)).toEqual([])
  expect(percentile(awayMs, 99)).toBeLessThan(2 * percentile(normalMs, 99) + fewRequestsMs)
  expect(late.length).toBeGreaterThan(awaySeconds * 5)
  expect(percentile(late, 99)).toBeLessThan(deliveredWithin + busyMs)
  expect(Math.max(...late)).toBeLessThan(deliveredWithin + 2000)
  expect(legs.length).toBeGreaterThan(0)
  for (const leg of ['toScreen', 'toNetwork', 'settled'] as const)
    expect(slowest(legs, leg), leg).toBeLessThan(sweptWithin)
  for (const [part, bytes] of held)
    expect((bytes.at(-1) ?? Infinity) - (bytes[0] ?? 0), part).toBeLessThan(mostGrowthBytes)
  // Everything that was taken went out once.
  await eventually(async () => expect(await unsent(system)).toEqual([]), 30_000)
  for (const { ref } of network.sends) expect(network.acceptedOf(ref)).toBe(1)
  expect(watcher.faults).toEqual([])
  expect(screen.notices).toEqual([])
  expect(system.deaths).toEqual([])
})

/** How many messages are in each state but the good ones. */
const unsent = (system: System) =>
  system.asOwner<{ status: string; count: string }>(
    `select status, count(*) from messages
       where direction = 'out' and status not in ('sent', 'delivered', 'read') group by status`,
  )
