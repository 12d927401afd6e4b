import { addDesk, caughtUp, connectsOf, introduce, socketUrl } from '../crm.ts'
import type { Figure, Measurement } from '../goal.ts'
import { type Part, startPart, startProduct } from '../part.ts'
import { median, percentile } from '../rounds.ts'
import type { Tenant, World } from '../world.ts'

/** Readers of a gateway: half of them came before the others, half behind them, as deliveries go in that order. */
const neighbours = 20
const halves = ['early', 'late'] as const
const others = 100
/** In a round; short ones, so that what else the machine does for seconds meets few of them. */
const turns = 8
/** Of so many turns one tells what the same hundred cost while they read. */
const awakeEvery = 4
/** A little more than the kernel takes for a socket that nobody reads (some 4 MB), and less than that and SOCKET_BUFFER_BYTES. */
const fill = { commits: 142, intervalMs: 3, bytes: 30_000 }
/** Long messages, and more of them than SOCKET_BUFFER_BYTES holds: sleepers pile them up and are shown out while it is measured. */
const load = { commits: 520, intervalMs: 5, bytes: 4000 }
const counted = '42["consent.changed"'

/** What the hundred others do who are on one of the two gateways. */
type Way = 'asleep' | 'awake'

/** A gateway with readers of the tenant, who hear all that happens. */
interface Side {
  readonly part: Part
  readonly port: number
  readonly readers: Part
  /** The first of its people. */
  readonly from: number
}

interface Field {
  readonly world: World
  readonly tenant: Tenant
  readonly writer: Part
  readonly others: Part
  readonly sides: readonly [Side, Side]
}

async function openSide(world: World, tenant: Tenant, place: number): Promise<Side> {
  const { part, port } = await startProduct('gateway/main.ts', world.environment)
  const side = { part, port, readers: await startPart('parts/sockets.ts'), from: place * neighbours }
  await connect(world, tenant, side, 'early')
  return side
}

/** One half of the readers of a side. */
async function connect(
  world: World,
  tenant: Tenant,
  { port, readers, from }: Side,
  group: (typeof halves)[number],
): Promise<void> {
  const half = neighbours / 2
  const connects = connectsOf(world, tenant, { from: group === 'early' ? from : from + half, count: half })
  await readers.call('connect', { group, url: socketUrl(port), connects, until: caughtUp, counted })
}

/** What the readers of either gateway waited, milliseconds, by percentile. */
type Waits = Readonly<Record<'p50' | 'p99', number>>

/** From the answer to a commit to each reader who hears of it. */
async function waitsOf({ readers }: Side, committedUs: readonly number[]): Promise<Waits> {
  const arrivals: [mark: number, atUs: number][] = []
  for (const group of halves) arrivals.push(...(await readers.call<typeof arrivals>('arrivals', { group })))
  const wanted = load.commits * neighbours
  if (arrivals.length !== wanted) throw new Error(`${arrivals.length} of ${wanted} deliveries`)
  const waits = arrivals.map(([mark, atUs]) => (atUs - (committedUs[mark] as number)) / 1000)
  return { p50: percentile(waits, 50), p99: percentile(waits, 99) }
}

/** What was waited on the gateway with the hundred others, and on the one without them. */
interface Turn {
  readonly crowded: Waits
  readonly quiet: Waits
}

/** The same events on both gateways at the same time; on one of them a hundred others hear them as well, or should. */
async function turn(field: Field, way: Way, crowded: Side, quiet: Side): Promise<Turn> {
  const { world, tenant, writer, others: far, sides } = field
  const groups = sides.flatMap(({ readers }) => halves.map((group) => ({ readers, group })))
  const commit = async (events: typeof load) => {
    const before = await Promise.all(
      groups.map(({ readers, group }) => readers.call<number>('events', { group })),
    )
    const committedUs = await writer.call<number[]>('announce', { tenantId: tenant.id, ...events })
    for (const [place, { readers, group }] of groups.entries())
      await readers.call('reach', { group, events: (before[place] ?? 0) + (events.commits * neighbours) / 2 })
    return committedUs
  }
  await far.call('connect', {
    group: 'all',
    url: socketUrl(crowded.port),
    connects: connectsOf(world, tenant, { from: sides.length * neighbours, count: others }),
    until: caughtUp,
    counted,
  })
  for (const side of sides) await connect(world, tenant, side, 'late')
  await far.call('quiet', { group: 'all', forMs: 300 })
  if (way === 'asleep') await far.call('stopReading', { group: 'all' })
  await commit(fill)
  if (way === 'awake') await far.call('reach', { group: 'all', events: fill.commits * others })
  for (const { readers, group } of groups) await readers.call('arrivals', { group })
  const committedUs = await commit(load)
  const waits = {
    crowded: await waitsOf(crowded, committedUs),
    quiet: await waitsOf(quiet, committedUs),
  }
  if (way === 'asleep') {
    // Each of them was shown out, or this measured something else.
    await far.call('readOn', { group: 'all' })
    await far.call('closed', { group: 'all' })
  }
  await far.call('disconnect', { group: 'all' })
  for (const { readers } of sides) await readers.call('disconnect', { group: 'late' })
  return waits
}

async function run(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const tenant = await world.addTenant()
  await addDesk(world, tenant, 1)
  await introduce(world, tenant, 2 * neighbours + others)
  const sides: [Side, Side] = [await openSide(world, tenant, 0), await openSide(world, tenant, 1)]
  const writer = await startPart('parts/writer.ts', { environment: world.environment })
  const field: Field = { world, tenant, writer, sides, others: await startPart('parts/sockets.ts') }
  const all: Record<Way, Turn[]> = { asleep: [], awake: [] }
  try {
    for (let place = 0; place < (1 + rounds) * turns; place++) {
      const [one, other] = sides
      const [crowded, quiet] = place % 2 === 0 ? [one, other] : [other, one]
      const ways: Way[] =
        place % awakeEvery === Math.floor(place / awakeEvery) % 2 ? ['asleep', 'awake'] : ['asleep']
      for (const way of ways) {
        const waits = await turn(field, way, crowded, quiet)
        log(`a hundred ${way}: ${JSON.stringify(waits)}`)
        if (place >= turns) all[way].push(waits)
      }
    }
  } finally {
    const parts = [...sides.flatMap(({ part, readers }) => [part, readers]), writer, field.others]
    await Promise.all(parts.map((part) => part.stop()))
  }
  const asleep = `delivery to a neighbour of ${others} who stopped reading, until they are shown out`
  return [
    figure(`${asleep}, p99, against a gateway without them`, all.asleep, 'p99', 1.1),
    figure(`${asleep}, p50, against a gateway without them`, all.asleep, 'p50', null),
    figure(`the same while the ${others} read on, p99`, all.awake, 'p99', null),
  ]
}

/** Judged by the turns: in each both sides had the same moments, good and bad ones. */
function figure(what: string, found: readonly Turn[], key: keyof Waits, must: number | null): Figure {
  const ms = (value: number) => `${value.toFixed(2)} ms`
  return {
    goal: 'G14',
    what,
    ours: ms(median(found.map(({ crowded }) => crowded[key]))),
    peer: ms(median(found.map(({ quiet }) => quiet[key]))),
    value: median(found.map(({ crowded, quiet }) => crowded[key] / quiet[key])),
    unit: 'x',
    better: 'less',
    must,
    reach: must === null ? null : 1,
  }
}

/** G14: what it costs those who read that others on their gateway do not. */
export const sleepers: Measurement = { goals: ['G14'], run }
