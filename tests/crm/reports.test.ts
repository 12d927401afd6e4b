import { expect, test } from 'vitest'
import { type Overview, overview } from '../../src/contract/rest/reports.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { asSuperuser } from '../cli/cli.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { seededRandom } from '../harness/random.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

const hour = 3_600_000
const day = 24 * hour

async function report(rest: RestClient, token: string, query = ''): Promise<Overview> {
  const { body, status, text } = await rest.call<{ data: Overview }>(
    'GET',
    `/admin/reports/overview${query}`,
    {
      token,
    },
  )
  expect(status, text).toBe(200)
  return overview.parse(body.data)
}

interface Told {
  conversation: string
  direction: 'in' | 'out'
  author: string
  type: string
  status: string
  at: number
}
interface Sold {
  id: number
  stage: number
  value: number | null
  currency: string | null
  closed: number | null
  deleted: boolean
}
interface Moved {
  deal: number
  from: number
  at: number
  seconds: number
}

/** A tenant's life at random around now, in tables and in memory. */
async function live(hub: Hub, seed: number, now: number) {
  const random = seededRandom(seed)
  const below = (most: number) => Math.floor(random() * most)
  const pick = <T>(of: readonly T[]): T => of[below(of.length)] as T
  const around = () => now - 40 * day + below(50 * day)
  const statuses = ['open', 'pending', 'snoozed', 'resolved'] as const
  const customers = Array.from({ length: 60 }, () => ({
    status: pick(['lead', 'prospect', 'active', 'inactive'] as const),
    created: around(),
    deleted: below(5) === 0,
  }))
  const conversations = Array.from({ length: 40 }, () => ({
    id: uuidv7(),
    status: pick(statuses),
    created: around(),
  }))
  const messages = conversations.flatMap(({ id, created }): Told[] =>
    Array.from({ length: below(12) }, () => {
      const direction = pick(['in', 'out'] as const)
      return {
        conversation: id,
        direction,
        author: direction === 'in' ? 'contact' : pick(['agent', 'bot', 'phone', 'campaign', 'api']),
        type: below(6) === 0 ? pick(['reaction', 'system']) : 'text',
        status: direction === 'in' ? 'received' : pick(['sent', 'read', 'failed', 'queued']),
        at: created + below(30 * hour),
      }
    }),
  )
  const activities = Array.from({ length: 80 }, () => {
    const status = pick(['open', 'done', 'cancelled'] as const)
    return {
      status,
      due: below(4) === 0 ? null : around(),
      completed: status === 'done' ? around() : null,
      deleted: below(6) === 0,
    }
  })
  const channel = await hub.addChannel({ provider: 'fake', settings: {}, secrets: {}, externalId: 'one' })
  const t = hub.tenant.id
  const stages = await asSuperuser(hub, async (query) => {
    const { rows } = await query(
      'select id, kind from pipeline_stages where tenant_id = $1 order by position',
      [t],
    )
    return rows as { id: number; kind: 'open' | 'won' | 'lost' }[]
  })
  const kindOf = (stage: number) => stages.find(({ id }) => id === stage)?.kind
  const deals = Array.from({ length: 70 }, (_, i): Sold => {
    const stage = pick(stages)
    const value = below(4) === 0 ? null : below(1_000_000)
    return {
      id: i + 1,
      stage: stage.id,
      value,
      currency: value === null ? null : pick(['EUR', 'INR']),
      closed: stage.kind === 'open' ? null : around(),
      deleted: below(6) === 0,
    }
  })
  const moves = Array.from(
    { length: 120 },
    (): Moved => ({
      deal: 1 + below(70),
      from: pick(stages).id,
      at: around(),
      seconds: below(100_000) + below(1000) / 1000,
    }),
  )
  await inTenant(hub.deps, t, async (tx) => {
    await tx.query(
      `insert into contacts (id, tenant_id, first_name) select 1000 + i, $1, 'c' from generate_series(1, 40) i`,
      [t],
    )
    const rows = (things: readonly object[]) => [t, JSON.stringify(things)]
    await tx.query(
      `insert into customers (tenant_id, name, status, created_at, deleted_at)
       select $1, 'c', v.status, to_timestamp(v.created / 1000.0), case when v.deleted then now() end
       from json_to_recordset($2) as v(status text, created float8, deleted boolean)`,
      rows(customers),
    )
    await tx.query(
      `insert into conversations (tenant_id, id, number, channel_id, contact_id, status, created_at)
       select $1, v.id, row_number() over (), $3, 1000 + row_number() over (), v.status, to_timestamp(v.created / 1000.0)
       from json_to_recordset($2) as v(id uuid, status text, created float8)`,
      [...rows(conversations), channel.id],
    )
    await tx.query(
      `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, status, sent_at)
       select $1, gen_random_uuid(), v.conversation, $3, row_number() over (), v.direction, v.author, v.type, v.status, to_timestamp(v.at / 1000.0)
       from json_to_recordset($2) as v(conversation uuid, direction text, author text, type text, status text, at float8)`,
      [...rows(messages), channel.id],
    )
    await tx.query(
      `insert into deals (id, tenant_id, title, stage_id, value_minor, currency, probability, position, closed_at, deleted_at)
       select v.id, $1, 'd', v.stage, v.value, v.currency, 10, 'd' || lpad(v.id::text, 4, '0'), to_timestamp(v.closed / 1000.0), case when v.deleted then now() end
       from json_to_recordset($2) as v(id integer, stage integer, value bigint, currency text, closed float8, deleted boolean)`,
      rows(deals),
    )
    await tx.query(
      `insert into deal_stage_changes (tenant_id, id, deal_id, from_stage_id, to_stage_id, actor, at, seconds_in_stage)
       select $1, gen_random_uuid(), v.deal, v.from, v.from, '{}', to_timestamp(v.at / 1000.0), v.seconds
       from json_to_recordset($2) as v(deal integer, "from" integer, at float8, seconds float8)`,
      rows(moves),
    )
    await tx.query(
      `insert into activities (tenant_id, type, subject, status, due_at, completed_at, deleted_at)
       select $1, 'task', 'a', v.status, to_timestamp(v.due / 1000.0), to_timestamp(v.completed / 1000.0), case when v.deleted then now() end
       from json_to_recordset($2) as v(status text, due float8, completed float8, deleted boolean)`,
      rows(activities),
    )
  })
  return { customers, conversations, messages, activities, deals, moves, stages, kindOf }
}

type Life = Awaited<ReturnType<typeof live>>

const tally = <T, Key extends string>(things: readonly T[], keys: readonly Key[], keyOf: (thing: T) => Key) =>
  Object.fromEntries(keys.map((key) => [key, things.filter((thing) => keyOf(thing) === key).length]))

function worth(deals: readonly Sold[]) {
  const value = ['EUR', 'INR'].flatMap((currency) => {
    const priced = deals.filter((deal) => deal.currency === currency)
    return priced.length === 0
      ? []
      : [{ currency, valueMinor: priced.reduce((sum, deal) => sum + (deal.value ?? 0), 0) }]
  })
  return { count: deals.length, value }
}

/** Between two of the sorted values where no value stands, as statisticians interpolate. */
function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * part
  const [low, high] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0]
  return low + (high - low) * (at - Math.floor(at))
}

/** The plain recount: docs/metrics-definitions.md, one thing after the other. */
function recount(life: Life, { startsAt, endsAt }: Overview['period'], now: number) {
  const isIn = (at: number | null) => at !== null && at >= Date.parse(startsAt) && at < Date.parse(endsAt)
  const kept = life.customers.filter(({ deleted }) => !deleted)
  const real = life.messages.filter(({ type }) => type === 'text')
  const waits = life.conversations.flatMap(({ id }) => {
    const inside = real.filter(({ conversation }) => conversation === id).toSorted((a, b) => a.at - b.at)
    const first = inside.find(({ direction }) => direction === 'in')
    if (!first || !isIn(first.at)) return []
    const answer = inside.find(
      ({ author, status, at }) =>
        ['agent', 'phone'].includes(author) && status !== 'failed' && at >= first.at,
    )
    return [answer === undefined ? null : (answer.at - first.at) / 1000]
  })
  const answered = waits.filter((wait) => wait !== null)
  const deals = life.deals.filter(({ deleted }) => !deleted)
  const closed = (kind: string) =>
    deals.filter(({ stage, closed }) => life.kindOf(stage) === kind && isIn(closed))
  const open = life.stages.filter(({ kind }) => kind === 'open')
  const [won, lost] = [closed('won'), closed('lost')]
  const activities = life.activities.filter(({ deleted }) => !deleted)
  const todo = activities.flatMap(({ status, due }) => (status === 'open' && due !== null ? [due] : []))
  return {
    customers: {
      byStatus: tally(kept, ['lead', 'prospect', 'active', 'inactive'], ({ status }) => status),
      created: kept.filter(({ created }) => isIn(created)).length,
    },
    conversations: {
      byStatus: tally(life.conversations, ['open', 'pending', 'snoozed', 'resolved'], ({ status }) => status),
      opened: life.conversations.filter(({ created }) => isIn(created)).length,
      firstResponse: {
        answered: answered.length,
        waiting: waits.length - answered.length,
        medianSeconds: answered.length === 0 ? null : expect.closeTo(quantile(answered, 0.5), 3),
        p90Seconds: answered.length === 0 ? null : expect.closeTo(quantile(answered, 0.9), 3),
      },
    },
    messages: {
      in: real.filter(({ direction, at }) => direction === 'in' && isIn(at)).length,
      out: real.filter(({ direction, at, status }) => direction === 'out' && status !== 'failed' && isIn(at))
        .length,
    },
    deals: {
      openByStage: open.map(({ id }) =>
        expect.objectContaining({ stageId: id, ...worth(deals.filter(({ stage }) => stage === id)) }),
      ),
      won: worth(won),
      lost: worth(lost),
      winRate: won.length + lost.length === 0 ? null : won.length / (won.length + lost.length),
      timeInStage: open.flatMap(({ id }) => {
        const left = life.moves.filter(
          ({ from, at, deal }) => from === id && isIn(at) && deals.some((one) => one.id === deal),
        )
        if (left.length === 0) return []
        const averageSeconds = left.reduce((sum, { seconds }) => sum + seconds, 0) / left.length
        return [
          expect.objectContaining({
            stageId: id,
            left: left.length,
            averageSeconds: expect.closeTo(averageSeconds, 3),
          }),
        ]
      }),
    },
    activities: {
      due: todo.filter((due) => due >= now && isIn(due)).length,
      overdue: todo.filter((due) => due < now).length,
      done: activities.filter(({ status, completed }) => status === 'done' && isIn(completed)).length,
    },
  }
}

test('[REP1] every figure is what a plain recount of the rows gives, for any period', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('manager')
  const now = Date.now()
  const life = await live(hub, 7, now)
  const date = (at: number) => new Date(at).toISOString().slice(0, 10)
  const answered: number[] = []
  for (const [from, to] of [
    [now - 30 * day, now],
    [now - 60 * day, now + 60 * day],
    [now - 12 * day, now - 5 * day],
    [now, now],
    [now - 200 * day, now - 190 * day],
  ] as const) {
    const told = await report(rest, token, `?from=${date(from)}&to=${date(to)}`)
    const { period, ...figures } = told
    expect(period).toMatchObject({ from: date(from), to: date(to), timeZone: 'UTC' })
    expect(figures).toEqual(recount(life, period, now))
    answered.push(figures.conversations.firstResponse.answered)
    if (to - from > 20 * day) expect(figures.messages.in).toBeGreaterThan(0)
  }
  // Of some periods and of none: the recount has seen waits, and a period without any.
  expect(answered.slice(0, 2)).not.toContain(0)
  expect(answered.at(-1)).toBe(0)
})

test('[REP1] of nothing there is no rate, no average and no median', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const { conversations, deals, messages } = await report(rest, hub.token('admin'))
  expect(conversations.firstResponse).toEqual({
    answered: 0,
    waiting: 0,
    medianSeconds: null,
    p90Seconds: null,
  })
  expect(deals).toMatchObject({ winRate: null, won: { count: 0, value: [] }, timeInStage: [] })
  expect(messages).toEqual({ in: 0, out: 0 })
})

test("[REP2] days are those of the tenant's clocks, also when these change; this month when nothing is said", async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  await asSuperuser(hub, (query) => query(`update tenants set time_zone = 'Europe/Berlin'`))
  const token = hub.token('manager')
  // The last Sunday of March 2026 has 23 hours there.
  const { period } = await report(rest, token, '?from=2026-03-29&to=2026-03-29')
  expect(period).toEqual({
    from: '2026-03-29',
    to: '2026-03-29',
    timeZone: 'Europe/Berlin',
    startsAt: '2026-03-28T23:00:00.000Z',
    endsAt: '2026-03-29T22:00:00.000Z',
  })
  const added = (at: string) =>
    inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(`insert into customers (tenant_id, name, created_at) values ($1, 'c', $2)`, [
        hub.tenant.id,
        at,
      ]),
    )
  for (const at of ['28T22:59:59.999', '28T23:00:00.000', '29T21:59:59.999', '29T22:00:00.000'])
    await added(`2026-03-${at}Z`)
  expect((await report(rest, token, '?from=2026-03-29&to=2026-03-29')).customers.created).toBe(2)
  const today = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin' }).format(new Date())
  expect((await report(rest, token)).period).toMatchObject({ from: `${today.slice(0, 7)}-01`, to: today })
  expect((await report(rest, token, '?to=2026-02-10')).period).toMatchObject({
    from: '2026-02-01',
    to: '2026-02-10',
  })
})

test('[REP3] managers and admins read reports, of their own tenant; a period has an end behind its beginning and a length', async () => {
  await using hub = await startHub({ REPORT_DAYS: '31' })
  const rest = await startRestOf(hub)
  await live(hub, 3, Date.now())
  const other = await hub.addTenant()
  for (const role of ['viewer', 'agent'] as const)
    expect(await rest.refused('GET', '/admin/reports/overview', { token: hub.token(role) })).toMatchObject({
      status: 403,
    })
  const theirs = await report(rest, hub.token('admin', { tenant: other.slug }))
  expect(theirs.customers.byStatus).toEqual({ lead: 0, prospect: 0, active: 0, inactive: 0 })
  const token = hub.token('manager')
  await report(rest, token, '?from=2026-01-01&to=2026-01-31')
  for (const [query, pointer] of [
    ['from=2026-01-01&to=2026-02-01', '/from'],
    ['from=2026-01-02&to=2026-01-01', '/to'],
    ['from=yesterday', '/from'],
    ['from=0000-01-01', '/from'],
    ['to=2026-02-30', '/to'],
    ['month=1', '/month'],
  ])
    expect(await rest.refused('GET', `/admin/reports/overview?${query}`, { token })).toMatchObject({
      status: 400,
      errors: [{ pointer }],
    })
})
