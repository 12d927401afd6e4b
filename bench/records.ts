/**
 * `npm run bench:records`: how long the lists of records take over REST in a tenant of 600,000 customers beside others, for
 * each filter and each sort, first page and a page in the middle. Seeds servers of its own; writes its table into
 * docs/measurements.md. `--customers 100000` seeds less and writes nothing; `--times 5` asks each less often. Ends with 1 when a
 * list is slower than it may be.
 */
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startPart, startProduct } from './part.ts'
import type { Got } from './parts/getter.ts'
import { bigKinds, filterCases, sortCases } from './record-lists.ts'
import { describeMachine, writeSection } from './report.ts'
import { percentile } from './rounds.ts'
import { seedRecords, sharesOf } from './seed-records.ts'
import { openWorld } from './world.ts'

const { values } = parseArgs({
  options: { customers: { type: 'string', default: '1000000' }, times: { type: 'string', default: '40' } },
})
const [customers, times] = [Number(values.customers), Number(values.times)]
if (!Number.isInteger(customers) || customers < 1000 || !Number.isInteger(times) || times < 1) {
  console.error('customers are a number from 1000 on, times one from 1 on')
  process.exit(2)
}

/** What the 95th percentile (of forty: the second slowest) may be on a machine with nothing else to do, milliseconds. */
const must = { list: 100, text: 1000, report: 500 }

/** What was asked, and its 95th percentile in milliseconds on the first page and in the middle. */
interface Line {
  readonly what: string
  readonly first: number
  readonly middle: number
}

const say = (line: string) => console.error(line)
const world = await openWorld(() => {})
try {
  const machine = describeMachine(world.described)
  const tenants = []
  for (let i = 0; i < 40; i++) tenants.push(await world.addTenant())
  const tenant = tenants[0] as (typeof tenants)[0]
  const client = new pg.Client({ connectionString: world.environment['DATABASE_URL'] })
  await client.connect()
  const half = Math.round(customers / 2)
  const sizes = { customers, contacts: half, deals: customers, activities: half }
  await seedRecords(client, sharesOf(tenants), sizes, say)

  const rest = await startProduct('src/rest/main.ts', {
    ...world.environment,
    REST_RATE_PER_MINUTE: '100000000',
  })
  const clients = await startPart('parts/getter.ts')
  const headers = `Authorization: Bearer ${world.token(tenant, 'manager', 'reader')}\r\n`
  const p95 = async (path: string) => {
    const ask = (requests: number) =>
      clients.call<Got>('get', { port: rest.port, headers, paths: [path], requests, lines: 1 })
    await ask(2)
    return percentile((await ask(times)).latenciesMs, 95)
  }
  const lines: Line[] = []
  for (const kind of bigKinds) {
    const sorts = await sortCases(client, tenant.id, kind)
    const usual = sorts.find(({ sort, order }) => sort === kind.sortedBy && order === kind.sorts[sort]?.order)
    const measure = async (what: string, query: Readonly<Record<string, string>>, deep: string) => {
      const at = (more: object) =>
        `/admin/${kind.path}?${new URLSearchParams({ ...query, ...more }).toString()}`
      lines.push({
        what: `${kind.path}: ${what}`,
        first: await p95(at({})),
        middle: await p95(at({ cursor: deep })),
      })
    }
    for (const { sort, order, deep } of sorts) await measure(`by ${sort} ${order}`, { sort, order }, deep)
    for (const { name, query } of await filterCases(client, tenant.id, kind))
      await measure(name, query, usual?.deep ?? '')
    say(kind.path)
  }
  await client.end()
  const others = []
  for (const path of ['/admin/deals/totals', '/admin/reports/overview'])
    others.push([path, await p95(path)] as const)
  await clients.stop()
  await rest.part.stop()

  const ms = (value: number) => value.toFixed(1)
  const table = [
    '| list | first page, p95 ms | from the middle on, p95 ms |',
    '| --- | --- | --- |',
    ...lines.map(({ what, first, middle }) => `| ${what} | ${ms(first)} | ${ms(middle)} |`),
    ...others.map(([path, value]) => `| \`GET ${path}\` | ${ms(value)} | – |`),
  ].join('\n')
  console.log(table)
  const slowest = Math.max(...lines.flatMap(({ first, middle }) => [first, middle]))
  const about = `one request at a time, ${times} times each after two; the slowest of ${2 * lines.length} figures is ${ms(slowest)} ms`
  console.log(about)
  const tooSlow = [
    ...lines
      .filter(
        ({ what, first, middle }) => Math.max(first, middle) > (/: q /.test(what) ? must.text : must.list),
      )
      .map(({ what }) => what),
    ...others.filter(([, value]) => value > must.report).map(([path]) => path),
  ]
  if (tooSlow.length > 0) {
    console.error(`too slow: ${tooSlow.join('; ')}`)
    process.exitCode = 1
  }
  if (customers === 1_000_000)
    writeSection('records', [about, '', ...machine.map((line) => `- ${line}`), '', table])
} finally {
  await world.close()
}
