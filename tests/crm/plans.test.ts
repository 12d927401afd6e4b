import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bigKinds, filterCases, sortCases } from '../../bench/record-lists.ts'
import { seedRecords, sharesOf } from '../../bench/seed-records.ts'
import type { Actor } from '../../src/auth/actor.ts'
import { contactKind } from '../../src/domain/contacts/contact-kind.ts'
import { dealTotals } from '../../src/domain/deals/deal-totals.ts'
import { addressPatterns, namePatterns, phonePatterns } from '../../src/domain/messages/search-terms.ts'
import { countActivities, countCustomers, countDeals } from '../../src/domain/reports/count-records.ts'
import { listRecords } from '../../src/domain/records/list-records.ts'
import type { Query, RecordKind } from '../../src/domain/records/record-kind.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type Reading, readingOf, watching } from './query-plans.ts'

/** Enough for an index to pay off, and seeded in seconds. The first tenant has six tenths of it, ten others share the rest. */
const sizes = { customers: 40_000, contacts: 20_000, deals: 40_000, activities: 20_000 }

/** Tables that are read by their indexes or not at all. */
const big = new Set([
  'customers',
  'customer_tags',
  'contacts',
  'contact_identities',
  'conversations',
  'deals',
  'activities',
])

let hub: Hub
let owner: pg.Client
let app: pg.Client
let me: string

beforeAll(async () => {
  hub = await startHub()
  const others = await Promise.all(Array.from({ length: 11 }, () => hub.addTenant()))
  owner = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await owner.connect()
  await seedRecords(owner, sharesOf([hub.tenant, ...others]), sizes)
  // As the application connects: a role that owns nothing, under row security.
  app = new pg.Client({
    connectionString: hub.config.DATABASE_URL,
    options: '-c role=switchboard_app -c timezone=UTC',
  })
  await app.connect()
  await app.query(`select set_config('app.tenant_id', $1, false)`, [hub.tenant.id])
  const { rows } = await owner.query<{ id: string }>(
    `select id from users where tenant_id = $1 and issuer = 'seed' order by subject limit 1`,
    [hub.tenant.id],
  )
  me = rows[0]?.id ?? ''
}, 180_000)

afterAll(async () => {
  await app.end()
  await owner.end()
  await hub[Symbol.asyncDispose]()
})

/** An outsider is an agent to whom one of three numbers is closed, not the one that most people write on. */
async function actorOf(role: 'agent' | 'outsider' | 'manager'): Promise<Actor> {
  const { actor } = await hub.signIn(role === 'outsider' ? 'agent' : role)
  if (role !== 'outsider') return { ...actor, id: me }
  const { rows } = await owner.query<{ id: string }>(
    'select channel_id as id from conversations where tenant_id = $1 group by 1 order by count(*) desc limit 1 offset 1',
    [hub.tenant.id],
  )
  return { ...actor, id: me, closedChannelIds: new Set(rows.map(({ id }) => id)) }
}

describe('lists under row security, in a tenant of 24,000 customers among others', () => {
  const cases = bigKinds.flatMap((kind) =>
    (kind.rights.owner ? (['agent', 'outsider', 'manager'] as const) : (['agent', 'outsider'] as const)).map(
      (role) => [kind.path, role, kind] as const,
    ),
  )
  test.each(cases)(
    '[CRM8] %s of an %s: every filter with every sort, first and deep, is read by an index',
    async (_path, role, kind: RecordKind) => {
      const { rows } = await owner.query<{ count: string }>(
        `select count(*) from ${kind.table} where tenant_id = $1`,
        [hub.tenant.id],
      )
      const all = Number(rows[0]?.count)
      // A page of what one in fifty rows has takes a walk past fifty times as many, however long the list is.
      const most = 3500 + all / 10
      const filters = [{ name: 'no filter', query: {} }, ...(await filterCases(owner, hub.tenant.id, kind))]
      const actor = await actorOf(role)
      const wrong: string[] = []
      for (const { sort, order, deep } of await sortCases(owner, hub.tenant.id, kind))
        for (const { name, query } of filters)
          for (const page of ['first', 'deep'] as const) {
            const asked = { sort, order, ...query, ...(page === 'deep' && { cursor: deep }) }
            const { scanned, looked, sorted, shape } = await readingOf(app, actor, kind, asked)
            const scans = scanned.some((table) => big.has(table))
            if (scans || looked > most || sorted > most)
              wrong.push(
                `${name}, ${sort} ${order}, ${page}: looks at ${looked} and sorts ${sorted} of ${all}; ${shape}`,
              )
          }
      expect(wrong).toEqual([])
    },
    120_000,
  )

  test('[CRM9] totals of stages and the overview count in indexes and fetch no row for it', async () => {
    const readings: Reading[] = []
    const query = watching(app, readings)
    const now = new Date()
    const day = 86_400_000
    const period = {
      from: '',
      to: '',
      timeZone: 'UTC',
      startsAt: new Date(now.getTime() - 20 * day).toISOString(),
      endsAt: now.toISOString(),
    }
    await dealTotals(query, await actorOf('manager'), undefined)
    await dealTotals(query, await actorOf('agent'), undefined)
    await dealTotals(query, await actorOf('outsider'), undefined)
    await countCustomers(query, hub.tenant.id, period)
    await countDeals(query, hub.tenant.id, period)
    await countActivities(query, hub.tenant.id, period, now)
    const wrong = readings.filter(
      ({ scanned, fetched }) => fetched > 0 || scanned.some((table) => big.has(table)),
    )
    expect(wrong).toEqual([])
    expect(readings.length).toBe(9)
  })

  test.each(['dvorak', 'office', 'nunez 77', 'af', 'qqxyzzy'])(
    '[CRM4] what is found for %s is the newest that have it, wherever in the tenant they are',
    async (q) => {
      const { rows: all } = await owner.query<{ id: number }>(
        'select id from customers where tenant_id = $1 and deleted_at is null and search_text like all ($2) order by id desc',
        [hub.tenant.id, q.split(' ').map((word) => `%${word}%`)],
      )
      const ids = all.map(({ id }) => id)
      for (const most of [51, 3000])
        for (const below of [null, ids[40] ?? null, ids[Math.floor(ids.length / 2)] ?? null]) {
          const { rows } = await app.query<{ id: number }>(
            `select record_id as id from match_records('customers', $1::text[], '{}', false, $2, $3)`,
            [q.split(' ').map((word) => `%${word}%`), below, most],
          )
          const wanted = ids.filter((id) => below === null || id < below).slice(0, most)
          expect(rows.map(({ id }) => id)).toEqual(wanted)
        }
    },
  )

  /** How often each table of `big`, and an index, was read in the present transaction, and how many rows that gave. */
  const readsWith = async (index: string) => {
    const { rows } = await app.query<{ table: string; scans: number; read: number }>(
      `select c.relname as table, pg_stat_get_xact_numscans(c.oid)::integer as scans,
         (pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid))::integer as read
       from pg_class c where c.relnamespace = current_schema()::regnamespace
         and (c.relname = $1 or c.relname = any ($2)) order by 1`,
      [index, [...big]],
    )
    return new Map(rows.map((row) => [row.table, row]))
  }

  /** What `work` answers, and how much more was read meanwhile; in one transaction, because after its end it is counted anew. */
  const reading = async <T>(index: string, work: () => Promise<T>) => {
    await app.query('begin')
    const before = await readsWith(index)
    const answer = await work()
    const after = await readsWith(index)
    await app.query('commit')
    const more = (table: string, what: 'scans' | 'read') =>
      (after.get(table)?.[what] ?? 0) - (before.get(table)?.[what] ?? 0)
    return { answer, more }
  }

  test.each([
    { q: 'zoe 10012', numbers: ['%10012%'] },
    { q: '0171 100120 zoe', numbers: ['%+49171100120%', '%0171100120%'] },
  ])(
    '[CRM14] [CRM8] $q is found by the index of addresses, and no table is read from end to end',
    async ({ q, numbers }) => {
      const { rows: all } = await owner.query<{ id: number }>(
        `select id from contacts where tenant_id = $1 and deleted_at is null and search_text like '%zoe%' and phone like any ($2)
       order by created_at desc, id desc`,
        [hub.tenant.id, numbers],
      )
      expect(all.length).toBeGreaterThan(0)
      const ask: Query = async (text, values = []) => (await app.query({ text, values: [...values] })).rows
      const kind = contactKind as unknown as RecordKind
      const index = 'contact_identities_search'
      const manager = await actorOf('manager')
      const { answer: page, more } = await reading(index, () =>
        listRecords(ask, manager, kind, { limit: 200, q }, { LIST_WALK: 2000 }),
      )
      expect(page.data.map(({ id }) => id)).toEqual(all.map(({ id }) => id))
      expect(more(index, 'scans')).toBeGreaterThan(0)
      for (const table of big) expect(more(table, 'scans'), table).toBe(0)
      // Each number is there as `phone` and as `wa_id`, once for finding it and once for the rest of the text.
      expect(more('contact_identities', 'read')).toBeLessThan(2000)
    },
  )

  const byText = (table: string, q: string) => ({
    q,
    index: `${table}_search`,
    find: `select record_id from match_records('${table}', $1, $2, true, null, 2000)`,
    patterns: [namePatterns(q), table === 'customers' ? phonePatterns(q) : []],
    wanted: `select id from ${table} where tenant_id = $1 and (search_text like all ($2) or search_text like any ($3))`,
  })
  test.each([
    byText('customers', 'nunez dvorak'),
    byText('customers', '77 nunez cafe'),
    byText('customers', '0151 00012'),
    byText('deals', 'nunez cafe 77'),
    byText('activities', 'nunez call 77'),
    byText('contacts', '77 nunez zoe'),
    {
      q: '0171 10012',
      index: 'contact_identities_search',
      find: `select record_id from match_contacts($1, $2, true, null, 2000)`,
      patterns: [namePatterns('0171 10012'), addressPatterns('0171 10012')],
      wanted: `select id from contacts where tenant_id = $1 and (search_text like all ($2)
        or id in (select i.contact_id from contact_identities i where i.tenant_id = $1 and i.value like any ($3)))`,
    },
  ])(
    '[CRM8] $q is found by $index: by the trigrams of all words together, by those of each way to write a number',
    async ({ index, find, patterns, wanted }) => {
      const { rows: all } = await owner.query<{ id: number }>(`${wanted} order by id desc`, [
        hub.tenant.id,
        ...patterns,
      ])
      const { answer, more } = await reading(index, () => app.query<{ record_id: number }>(find, patterns))
      expect(answer.rows.map((row) => row.record_id)).toEqual(all.map(({ id }) => id))
      expect(more(index, 'scans')).toBeGreaterThan(0)
      for (const table of big) {
        expect(more(table, 'scans'), table).toBe(0)
        // The newest 5,000, and the matches.
        expect(more(table, 'read'), table).toBeLessThan(5000 + 3 * all.length + 500)
      }
    },
  )
})
