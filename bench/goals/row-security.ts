import { readFileSync } from 'node:fs'
import pg from 'pg'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { connectionOptions } from '../../src/platform/db.ts'
import type { Figure, Measurement } from '../goal.ts'
import { interleaved, percentile } from '../rounds.ts'
import { seedRecords, sharesOf } from '../seed-records.ts'
import type { World } from '../world.ts'

const sizes = { customers: 20_000, contacts: 20_000, deals: 10_000, activities: 10_000 }
const events = 2000
/** Each of them is a transaction of its own, as over REST. */
const perTurn = 500
/** Connections of either side, one after the other: a process costs up to a tenth more or less with how its memory happens to lie. */
const pairs = 3
/** In a round, each side in its turn: short ones, so that what else the machine does meets both sides alike. */
const turns = 10

/** What the product asks most: one record, a page, a look by a relation, a stretch of the log, and a change. */
const statements: Readonly<Record<string, { text: string; values: (seeds: Seeds, n: number) => unknown[] }>> =
  {
    one: {
      text: 'select * from customers where tenant_id = $1 and id = $2 and deleted_at is null',
      values: ({ tenantId, ids }, n) => [tenantId, ids[n % ids.length]],
    },
    page: {
      text: `select id, name, email, phone, status, created_at from customers
           where tenant_id = $1 and deleted_at is null order by created_at desc, id desc limit 50`,
      values: ({ tenantId }) => [tenantId],
    },
    relation: {
      text: 'select * from contacts where tenant_id = $1 and customer_id = any ($2) and deleted_at is null',
      values: ({ tenantId, ids }, n) => [tenantId, ids.slice(n % 100, (n % 100) + 20)],
    },
    log: {
      text: `select seq, type, scope, actor, payload, occurred_at from events
           where tenant_id = $1 and epoch = 1 and seq > $2 order by seq limit 50`,
      values: ({ tenantId }, n) => [tenantId, n % (events - 100)],
    },
    change: {
      text: 'update customers set updated_at = now() where tenant_id = $1 and id = $2 returning id',
      values: ({ tenantId, ids }, n) => [tenantId, ids[n % ids.length]],
    },
  }

interface Seeds {
  readonly tenantId: string
  readonly ids: readonly number[]
}

/** A connection, and the process that serves it. */
class Side {
  readonly client: pg.Client
  readonly latenciesUs: number[] = []
  #pid = 0

  constructor(client: pg.Client) {
    this.client = client
  }

  async open(): Promise<this> {
    await this.client.connect()
    const { rows } = await this.client.query<{ pid: number }>('select pg_backend_pid() as pid')
    this.#pid = rows[0]?.pid ?? 0
    return this
  }

  /** Microseconds of processor time that the server spent on one transaction, on average. */
  async cpuOf(seeds: Seeds, names: readonly string[]): Promise<number> {
    const before = this.#cpuUs()
    for (let n = 0; n < perTurn; n++) {
      const name = names[n % names.length] ?? ''
      const statement = statements[name]
      if (!statement) continue
      const began = performance.now()
      await this.client.query(`begin; select set_config('app.tenant_id', '${seeds.tenantId}', true)`)
      await this.client.query({ name, text: statement.text, values: statement.values(seeds, n) })
      await this.client.query('commit')
      this.latenciesUs.push((performance.now() - began) * 1000)
    }
    return (this.#cpuUs() - before) / perTurn
  }

  #cpuUs(): number {
    // The scheduler's own count, in nanoseconds; that of /proc/PID/stat is in ticks of ten milliseconds.
    const [ranNs] = readFileSync(`/proc/${this.#pid}/schedstat`, 'utf8').split(' ')
    return Number(ranNs) / 1000
  }
}

async function run(world: World, rounds: number, log: (line: string) => void): Promise<Figure[]> {
  const tenants = []
  for (let i = 0; i < 10; i++) tenants.push(await world.addTenant())
  const tenant = tenants[0] as (typeof tenants)[0]
  const { config } = world.deps
  // A superuser is bound by no policy, forced or not; in all else the two connections are the same.
  const { options = '', ...common } = connectionOptions(config, 'bench')
  const unbound = { ...common, options: options.replace(' -c role=switchboard_app', '') }
  const seeder = new pg.Client(unbound)
  await seeder.connect()
  await seedRecords(seeder, sharesOf(tenants), sizes)
  await seeder.end()
  const opened = (how: pg.ClientConfig) =>
    Promise.all(Array.from({ length: pairs }, () => new Side(new pg.Client(how)).open()))
  const [free, bound] = [await opened(unbound), await opened({ ...common, options })]
  const [one] = free as [Side, ...Side[]]
  try {
    for (let written = 0; written < events; written += 500)
      await inTenant(world.deps, tenant.id, async (tx) => {
        for (let n = 0; n < 500; n++)
          tx.record('channel.removed', { channelId: tenant.id }, { kind: 'tenant' })
      })
    await world.analyze()
    const { rows } = await one.client.query<{ id: number }>(
      'select id from customers where tenant_id = $1 and deleted_at is null order by random() limit 500',
      [tenant.id],
    )
    const seeds = { tenantId: tenant.id, ids: rows.map(({ id }) => id) }
    const names = Object.keys(statements)
    let [boundTurns, freeTurns] = [0, 0]
    const next = (sides: readonly Side[], turn: number) =>
      sides[turn % pairs]?.cpuOf(seeds, names) ?? Promise.resolve(0)
    const ways = { bound: () => next(bound, boundTurns++), free: () => next(free, freeTurns++) }
    const found = await interleaved(rounds * turns, ways, turns)
    log(`CPU of the server per transaction: ${JSON.stringify(found.all)}`)
    const p99 = (sides: readonly Side[]) =>
      percentile(
        sides.flatMap(({ latenciesUs }) => latenciesUs),
        99,
      )
    const us = (value: number) => `${value.toFixed(0)} µs`
    return [
      {
        goal: 'G13',
        what: 'row-level security: CPU of the server per transaction, against a role that no policy binds',
        ours: us(found.bound),
        peer: us(found.free),
        value: found.bound / found.free,
        unit: 'x',
        better: 'less',
        must: 1.1,
        reach: 1.03,
      },
      {
        goal: 'G13',
        what: 'row-level security: time of a transaction, p99, against a role that no policy binds',
        ours: us(p99(bound)),
        peer: us(p99(free)),
        value: p99(bound) / p99(free),
        unit: 'x',
        better: 'less',
        must: null,
        reach: null,
      },
    ]
  } finally {
    await Promise.all([...bound, ...free].map(({ client }) => client.end()))
  }
}

/** G13: what it costs that the database itself keeps tenants apart. */
export const rowSecurity: Measurement = { goals: ['G13'], run }
