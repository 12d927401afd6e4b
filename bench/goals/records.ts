import pg from 'pg'
import type { Figure, Measurement } from '../goal.ts'
import { type Part, startPart, startProduct } from '../part.ts'
import type { Got } from '../parts/getter.ts'
import { interleaved, median } from '../rounds.ts'
import { seedRecords, sharesOf } from '../seed-records.ts'
import type { World } from '../world.ts'

const lines = 8
const requests = { one: 1000, list: 400 }
/** In a round, each way in its turn: short ones, so that what else the machine does meets all of them alike. */
const turns = 4
/** Turns of which nothing is counted, both sides alike. */
const warmUps = 24
const sizes = { customers: 20_000, contacts: 2000, deals: 2000, activities: 2000 }
const unlimited = { REST_RATE_PER_MINUTE: '100000000' }

/** A server under load: where it is, how it is asked, and what it spent. */
interface Side {
  readonly part: Part
  readonly port: number
  readonly headers: string
  readonly list: string
  readonly one: (id: number) => string
}

async function run(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const tenants = []
  for (let i = 0; i < 20; i++) tenants.push(await world.addTenant())
  const tenant = tenants[0] as (typeof tenants)[0]
  const client = new pg.Client({ connectionString: world.environment['DATABASE_URL'] })
  await client.connect()
  await seedRecords(client, sharesOf(tenants), sizes)
  const { rows } = await client.query<{ id: number }>(
    'select id from customers where tenant_id = $1 and deleted_at is null order by random() limit 500',
    [tenant.id],
  )
  await client.end()

  const rest = await startProduct('src/rest/main.ts', { ...world.environment, ...unlimited })
  const bare = await startPart('peers/bare-rest.ts', {
    args: [world.environment['DATABASE_URL'] ?? ''],
  })
  const clients = await startPart('parts/getter.ts')
  const ours: Side = {
    ...rest,
    headers: `Authorization: Bearer ${world.token(tenant, 'agent', 'reader')}\r\n`,
    list: '/admin/customers',
    one: (id) => `/admin/customers/${id}`,
  }
  const theirs: Side = {
    part: bare,
    port: await bare.call<number>('port'),
    headers: '',
    list: `/${tenant.id}`,
    one: (id) => `/${tenant.id}/${id}`,
  }
  try {
    const latencies: Record<string, number[]> = {}
    const cpu = (side: Side, what: 'one' | 'list', name: string) => async () => {
      const paths = what === 'one' ? rows.map(({ id }) => side.one(id)) : [side.list]
      const cpuUs = await side.part.cpuDuring(async () => {
        const { port, headers } = side
        const got = await clients.call<Got>('get', { port, headers, paths, requests: requests[what], lines })
        ;(latencies[name] ??= []).push(median(got.latenciesMs))
      })
      return cpuUs / requests[what]
    }
    const found = await interleaved(
      rounds * turns,
      {
        one: cpu(ours, 'one', 'one'),
        bareOne: cpu(theirs, 'one', 'bareOne'),
        list: cpu(ours, 'list', 'list'),
        bareList: cpu(theirs, 'list', 'bareList'),
      },
      warmUps,
    )
    log(`microseconds per request: ${JSON.stringify(found.all)}`)
    const figure = (
      what: string,
      mine: number,
      peer: number,
      [must, reach]: readonly [number, number] | readonly [null, null],
      unit: string,
    ): Figure => ({
      goal: 'G11',
      what,
      ours: unit === 'µs' ? `${mine.toFixed(0)} µs` : `${mine.toFixed(2)} ms`,
      peer: unit === 'µs' ? `${peer.toFixed(0)} µs` : `${peer.toFixed(2)} ms`,
      value: mine / peer,
      unit: 'x',
      better: 'less',
      must,
      reach,
    })
    const wait = (name: string) => median((latencies[name] ?? []).slice(warmUps))
    return [
      figure(
        'GET one customer, against node:http and pg: CPU of the process',
        found.one,
        found.bareOne,
        [2.5, 1.6],
        'µs',
      ),
      figure(
        'GET a list of 50, against node:http and pg: CPU of the process',
        found.list,
        found.bareList,
        [2, 1.3],
        'µs',
      ),
      figure(`GET one, ${lines} at once: median wait`, wait('one'), wait('bareOne'), [null, null], 'ms'),
      figure(
        `GET a list of 50, ${lines} at once: median wait`,
        wait('list'),
        wait('bareList'),
        [null, null],
        'ms',
      ),
    ]
  } finally {
    await clients.stop()
    await bare.stop()
    await rest.part.stop()
  }
}

/** G11: one record and a list through our REST process, policy and row security included. */
export const recordsOverRest: Measurement = { goals: ['G11'], run }
