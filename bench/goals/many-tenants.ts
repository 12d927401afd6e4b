import type { Figure, Measurement } from '../goal.ts'
import { startPart } from '../part.ts'
import { median, percentile } from '../rounds.ts'
import { addOffices, openBare, openOurs, type Passed, pass } from '../ways.ts'
import type { World } from '../world.ts'

/** As many people and sockets as in whole-path.ts, of ten times as many tenants, each with little to do. */
const tenants = 100
const socketsPerTenant = 2
const customersPerTenant = 4
const load = { webhooks: 1500, perSecond: 500 }

async function run(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const offices = await addOffices(world, {
    tenants,
    sockets: socketsPerTenant,
    customers: customersPerTenant,
  })
  const ways = { ours: await openOurs(world, offices), bare: await openBare(world, offices) }
  const poster = await startPart('parts/poster.ts')
  const all: Record<'ours' | 'bare', Passed[]> = { ours: [], bare: [] }
  try {
    for (let round = 0; round <= rounds; round++) {
      if (round === 1) await world.analyze()
      for (const name of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
        const passed = await pass(ways[name], poster, offices, load)
        const p = (percent: number) => percentile(passed.latenciesMs, percent).toFixed(1)
        log(`pace of ${tenants} tenants, ${name}: p50 ${p(50)}, p99 ${p(99)} ms`)
        if (round > 0) all[name].push(passed)
      }
    }
  } finally {
    await poster.stop()
    await Promise.all(Object.values(ways).map((way) => way.close()))
  }
  const latency = (name: 'ours' | 'bare', percent: number) =>
    median(all[name].map(({ latenciesMs }) => percentile(latenciesMs, percent)))
  return [50, 99].map((percent): Figure => {
    const [ours, bare] = [latency('ours', percent), latency('bare', percent)]
    return {
      goal: 'G5',
      what: `webhooks of ${tenants} tenants at ${load.perSecond}/s, p${percent}, against the barest pipeline`,
      ours: `${ours.toFixed(1)} ms`,
      peer: `${bare.toFixed(1)} ms`,
      value: ours / bare,
      unit: 'x',
      better: 'less',
      must: null,
      reach: null,
    }
  })
}

/** G5 where nobody has much to say: what a message costs must not grow with the number of tenants. */
export const manyTenants: Measurement = { goals: ['G5'], run }
