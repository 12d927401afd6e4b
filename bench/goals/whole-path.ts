import {
  addDesk,
  appSecret,
  caughtUp,
  connected,
  connectsOf,
  type Desk,
  introduce,
  socketUrl,
} from '../crm.ts'
import type { Figure, Measurement } from '../goal.ts'
import { Part, startPart, startProduct } from '../part.ts'
import { median, percentile } from '../rounds.ts'
import type { Tenant, World } from '../world.ts'

const tenants = 10
const socketsPerTenant = 20
const customersPerTenant = 40
const floodLines = 64
const floodWebhooks = 2500
const pacedPerSecond = 1000
const pacedWebhooks = 3000

interface Office {
  readonly tenant: Tenant
  readonly desk: Desk
}

/** One of the two ways from a webhook to the sockets. */
interface Way {
  readonly client: Part
  readonly servers: readonly Part[]
  readonly target: { port: number; path: string }
  close(): Promise<void>
}

async function openOurs(world: World, offices: readonly Office[]): Promise<Way> {
  const gateway = await startProduct('gateway/main.ts', world.environment)
  const rest = await startProduct('src/rest/main.ts', world.environment)
  const workers = new Part('workers/main.ts', world.environment)
  const client = await startPart('parts/sockets.ts')
  for (const { tenant } of offices) {
    await introduce(world, tenant, socketsPerTenant)
    await client.call('connect', {
      group: 'all',
      url: socketUrl(gateway.port),
      connects: connectsOf(world, tenant, { count: socketsPerTenant }),
      until: caughtUp,
      counted: '42["message.received"',
    })
  }
  const servers = [rest.part, workers, gateway.part]
  return {
    client,
    servers,
    target: { port: rest.port, path: '/api/webhooks/whatsapp' },
    close: async () => {
      await Promise.all([client, ...servers].map((part) => part.stop()))
    },
  }
}

/** A peer: an intake and a worker of one program, and sockets by the Redis adapter. */
async function openPeer(
  world: World,
  offices: readonly Office[],
  program: string,
  begin: (parts: { intake: Part; worker: Part; numbers: readonly (readonly string[])[] }) => Promise<void>,
): Promise<Way> {
  const { REDIS_URL: redisUrl = '', DATABASE_URL: databaseUrl = '' } = world.environment
  const worker = await startPart(program, { args: ['worker', redisUrl, databaseUrl] })
  const intake = await startPart(program, { args: ['intake', redisUrl, databaseUrl] })
  const gateway = await startPart('peers/socketio-redis.ts', { args: [redisUrl] })
  const client = await startPart('parts/sockets.ts')
  await begin({
    intake,
    worker,
    numbers: offices.map(({ tenant, desk }) => [desk.phoneNumberId, tenant.id]),
  })
  const url = socketUrl(await gateway.call<number>('port'))
  for (const { tenant } of offices)
    await client.call('connect', {
      group: 'all',
      url,
      connects: Array.from({ length: socketsPerTenant }, () => `40${JSON.stringify({ tenant: tenant.id })}`),
      until: connected,
      counted: '42["message.received"',
    })
  const servers = [intake, worker, gateway]
  return {
    client,
    servers,
    target: { port: await intake.call<number>('port'), path: '/webhook' },
    close: async () => {
      await Promise.all([client, ...servers].map((part) => part.stop()))
    },
  }
}

function openNaive(world: World, offices: readonly Office[]): Promise<Way> {
  return openPeer(world, offices, 'peers/naive-pipeline.ts', async ({ intake, worker, numbers }) => {
    await intake.call('secret', { secret: appSecret })
    await worker.call('tenants', { numbers })
  })
}

function openBare(world: World, offices: readonly Office[]): Promise<Way> {
  return openPeer(world, offices, 'peers/bare-pipeline.ts', async ({ intake, worker, numbers }) => {
    await intake.call('open', { secret: appSecret, numbers })
    await worker.call('work')
  })
}

interface Passed {
  readonly perSecond: number
  readonly answeredPerSecond: number
  readonly cpuUsPerWebhook: number
  /** The same by process, in the order of the path. */
  readonly cpuUsByServer: readonly number[]
  readonly latenciesMs: readonly number[]
}

/** Posts webhooks one way or the other and waits until every socket of their tenants has them. */
async function pass(
  way: Way,
  poster: Part,
  offices: readonly Office[],
  load: 'flood' | 'pace',
  webhooks: number,
): Promise<Passed> {
  const target = { ...way.target, appSecret, numbers: offices.map(({ desk }) => desk) }
  const before = await way.client.call<number>('events', { group: 'all' })
  await way.client.call('latencies', { group: 'all' })
  const usedBefore = await usedBy(way)
  const startedAt = performance.now()
  const input = load === 'flood' ? { lines: floodLines } : { perSecond: pacedPerSecond }
  const posted = await poster.call<{ tookMs: number; refused: number }>(load, { target, webhooks, ...input })
  if (posted.refused > 0) throw new Error(`${posted.refused} webhooks were refused`)
  await way.client.call('reach', {
    group: 'all',
    events: before + webhooks * socketsPerTenant,
    withinMs: 60_000,
  })
  const tookMs = performance.now() - startedAt
  const cpuUsByServer = (await usedBy(way)).map((used, i) => (used - (usedBefore[i] ?? 0)) / webhooks)
  const latencies = await way.client.call<number[]>('latencies', { group: 'all' })
  return {
    perSecond: (webhooks * 1000) / tookMs,
    answeredPerSecond: (webhooks * 1000) / posted.tookMs,
    cpuUsPerWebhook: cpuUsByServer.reduce((sum, used) => sum + used, 0),
    cpuUsByServer,
    latenciesMs: latencies.map((latency) => latency / 1000),
  }
}

async function usedBy({ servers }: Way): Promise<number[]> {
  const usages = await Promise.all(servers.map((server) => server.usage()))
  return usages.map(({ cpuUs }) => cpuUs)
}

type Rounds = Record<'ours' | 'naive' | 'bare', Record<'flood' | 'pace', Passed[]>>

async function run(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const offices: Office[] = []
  for (let i = 0; i < tenants; i++) {
    const tenant = await world.addTenant()
    offices.push({ tenant, desk: await addDesk(world, tenant, customersPerTenant) })
  }
  const ways = {
    ours: await openOurs(world, offices),
    naive: await openNaive(world, offices),
    bare: await openBare(world, offices),
  }
  const poster = await startPart('parts/poster.ts')
  const all: Rounds = {
    ours: { flood: [], pace: [] },
    naive: { flood: [], pace: [] },
    bare: { flood: [], pace: [] },
  }
  try {
    for (let round = 0; round <= rounds; round++) {
      if (round === 1) await world.analyze()
      for (const load of ['flood', 'pace'] as const)
        for (const name of inTurn(round)) {
          const webhooks = round === 0 ? 500 : load === 'flood' ? floodWebhooks : pacedWebhooks
          const passed = await pass(ways[name], poster, offices, load, webhooks)
          const p = (percent: number) => percentile(passed.latenciesMs, percent).toFixed(1)
          log(
            `${load} ${name}: ${passed.perSecond.toFixed(0)}/s, answered ${passed.answeredPerSecond.toFixed(0)}/s, ${passed.cpuUsByServer.map((used) => used.toFixed(0)).join(' + ')} µs, p50 ${p(50)}, p99 ${p(99)} ms`,
          )
          if (round > 0) all[name][load].push(passed)
        }
    }
  } finally {
    await poster.stop()
    await Promise.all(Object.values(ways).map((way) => way.close()))
  }
  return figures(all)
}

const names = ['ours', 'naive', 'bare'] as const

/** The ways in another order each round. */
function inTurn(round: number): (typeof names)[number][] {
  const first = round % names.length
  return [...names.slice(first), ...names.slice(0, first)]
}

function figures({ ours, naive, bare }: Rounds): Figure[] {
  const middle = (passed: readonly Passed[], of: (one: Passed) => number) => median(passed.map(of))
  const latency = (passed: readonly Passed[], percent: number) =>
    middle(passed, ({ latenciesMs }) => percentile(latenciesMs, percent))
  const saturation = ({ perSecond }: Passed) => perSecond
  const rate = (value: number) => `${value.toFixed(0)}/s`
  const ms = (value: number) => `${value.toFixed(1)} ms`
  const [flood, naiveFlood] = [ours.flood, naive.flood]
  const durable = middle(flood, ({ answeredPerSecond }) => answeredPerSecond)
  const naiveQueued = middle(naiveFlood, ({ answeredPerSecond }) => answeredPerSecond)
  const cpu = ({ cpuUsPerWebhook }: Passed) => cpuUsPerWebhook
  const atLoad = (percent: number, must: number, reach: number): Figure => ({
    goal: 'G5',
    what: `signed webhook to socket at ${pacedPerSecond}/s, p${percent}`,
    ours: ms(latency(ours.pace, percent)),
    peer: ms(latency(naive.pace, percent)),
    value: latency(ours.pace, percent),
    unit: 'ms',
    better: 'less',
    must,
    reach,
  })
  // What a machine makes of milliseconds: the way that does the least, at the same load.
  const againstBare = (percent: number): Figure => ({
    goal: 'G5',
    what: `the same, p${percent}, against the barest pipeline`,
    ours: ms(latency(ours.pace, percent)),
    peer: ms(latency(bare.pace, percent)),
    value: latency(ours.pace, percent) / latency(bare.pace, percent),
    unit: 'x',
    better: 'less',
    must: null,
    reach: null,
  })
  return [
    {
      goal: 'G4',
      what: `signed webhook, committed, on ${socketsPerTenant} sockets: saturation against the naive pipeline`,
      ours: rate(middle(flood, saturation)),
      peer: rate(middle(naiveFlood, saturation)),
      value: middle(flood, saturation) / middle(naiveFlood, saturation),
      unit: 'x',
      better: 'more',
      must: 4,
      reach: 8,
    },
    {
      goal: 'G4',
      what: 'CPU of our processes per webhook at saturation, against those of the naive pipeline',
      ours: `${middle(flood, cpu).toFixed(0)} µs`,
      peer: `${middle(naiveFlood, cpu).toFixed(0)} µs`,
      value: middle(flood, cpu) / middle(naiveFlood, cpu),
      unit: 'x',
      better: 'less',
      must: null,
      reach: null,
    },
    {
      goal: 'G4',
      what: 'durable intake: webhooks answered after their commit, against queued in Redis memory',
      ours: rate(durable),
      peer: rate(naiveQueued),
      value: durable / naiveQueued,
      unit: 'x',
      better: 'more',
      must: null,
      reach: null,
    },
    atLoad(50, 3, 1),
    atLoad(99, 20, 6),
    againstBare(50),
    againstBare(99),
    {
      goal: 'G4',
      what: 'saturation against the barest pipeline that keeps what it answers',
      ours: rate(middle(flood, saturation)),
      peer: rate(middle(bare.flood, saturation)),
      value: middle(flood, saturation) / middle(bare.flood, saturation),
      unit: 'x',
      better: 'more',
      must: null,
      reach: null,
    },
  ]
}

/** G4, G5: the whole path of a message that comes in. */
export const wholePath: Measurement = { goals: ['G4', 'G5'], run }
