import type { Figure, Measurement } from '../goal.ts'
import { startPart } from '../part.ts'
import { median, percentile } from '../rounds.ts'
import { addOffices, openBare, openNaive, openOurs, type Passed, pass } from '../ways.ts'
import type { World } from '../world.ts'

const tenants = 10
const socketsPerTenant = 20
const customersPerTenant = 40
const pacedPerSecond = 1000
/** What the naive pipeline carries without falling behind. */
const calmPerSecond = 200
const loads = {
  flood: { webhooks: 2500 },
  pace: { webhooks: 3000, perSecond: pacedPerSecond },
  calm: { webhooks: 600, perSecond: calmPerSecond },
}

type Rounds = Record<'ours' | 'naive' | 'bare', Record<keyof typeof loads, Passed[]>>

async function run(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const offices = await addOffices(world, {
    tenants,
    sockets: socketsPerTenant,
    customers: customersPerTenant,
  })
  const ways = {
    ours: await openOurs(world, offices),
    naive: await openNaive(world, offices),
    bare: await openBare(world, offices),
  }
  const poster = await startPart('parts/poster.ts')
  const all: Rounds = {
    ours: { flood: [], pace: [], calm: [] },
    naive: { flood: [], pace: [], calm: [] },
    bare: { flood: [], pace: [], calm: [] },
  }
  try {
    for (let round = 0; round <= rounds; round++) {
      if (round === 1) await world.analyze()
      for (const load of ['flood', 'pace', 'calm'] as const)
        for (const name of inTurn(round)) {
          const passed = await pass(ways[name], poster, offices, loads[load])
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
  // What a machine makes of milliseconds: the way that does the least, at the same load; and the peer where it keeps up.
  const against = (
    what: string,
    load: 'pace' | 'calm',
    peers: readonly Passed[],
    percent: number,
  ): Figure => {
    const [mine, theirs] = [latency(ours[load], percent), latency(peers, percent)]
    return {
      goal: 'G5',
      what,
      ours: ms(mine),
      peer: ms(theirs),
      value: mine / theirs,
      unit: 'x',
      better: 'less',
      must: null,
      reach: null,
    }
  }
  const told = [50, 99].flatMap((percent) => [
    against(`the same, p${percent}, against the barest pipeline`, 'pace', bare.pace, percent),
    against(`at ${calmPerSecond}/s, p${percent}, against the naive pipeline`, 'calm', naive.calm, percent),
    against(`at ${calmPerSecond}/s, p${percent}, against the barest pipeline`, 'calm', bare.calm, percent),
  ])
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
    ...told,
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
