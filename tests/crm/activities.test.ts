import pg from 'pg'
import { expect, test } from 'vitest'
import { commandHandlers } from '../../src/command-handlers.ts'
import { type ActivityView, activityView } from '../../src/contract/crm/activity.ts'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import type { AuditEntryView } from '../../src/contract/rest/audit.ts'
import { giveReminders } from '../../src/domain/activities/remind.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { startWorkerProcess } from '../harness/worker-process.ts'
import { type Desk, openDesk } from './desk.ts'

const ids = (list: { data: ActivityView[] }) => list.data.map(({ id }) => id)
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString()
const hour = 3_600_000

async function eventsOf(desk: Desk, type: string): Promise<AnyLogEvent[]> {
  const page = await desk.api.get<{ data: AnyLogEvent[] }>(desk.token, '/events?after=1:0&limit=500')
  return page.data.filter((event) => event.type === type)
}

test('[ACT1] an activity is kept like every record; what is done has been so since a moment', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const customer = await desk.make<{ id: number }>('customers', { name: 'Acme' })
  const made = await expectReplayEqualsSnapshot(hub, () =>
    desk.make<ActivityView>('activities', {
      type: 'call',
      subject: ' Ring back ',
      dueAt: '2026-03-01T10:00:00+02:00',
      priority: 'high',
      customerId: customer.id,
    }),
  )
  activityView.parse(made)
  expect(made).toMatchObject({
    subject: 'Ring back',
    dueAt: '2026-03-01T08:00:00.000Z',
    status: 'open',
    completedAt: null,
    assigneeId: null,
    customerId: customer.id,
  })
  const path = `activities/${made.id}`
  const change = (body: object) =>
    expectReplayEqualsSnapshot(hub, () => desk.call<ActivityView>('PATCH', path, body))
  const done = (await change({ status: 'done' })).body.data
  expect(done.completedAt).not.toBeNull()
  expect((await change({ subject: 'Rang back' })).body.data.completedAt).toBe(done.completedAt)
  expect((await change({ status: 'open' })).body.data.completedAt).toBeNull()
  const imported = { status: 'done', completedAt: '2020-01-01T00:00:00Z' }
  expect((await change(imported)).body.data.completedAt).toBe('2020-01-01T00:00:00.000Z')
  expect(await desk.call('PATCH', path, { status: 'open', completedAt: inMs(0) })).toMatchObject({
    status: 400,
    body: { errors: [{ pointer: '/completedAt' }] },
  })
  expect(await eventsOf(desk, 'activity.completed')).toHaveLength(2)
  const put = await desk.call<ActivityView>('PUT', path, { type: 'task', subject: 'x' })
  expect(put.body.data).toMatchObject({ type: 'task', status: 'open', customerId: null, priority: 'normal' })
  await expectReplayEqualsSnapshot(hub, () => desk.call('DELETE', path))
  await expectReplayEqualsSnapshot(hub, () => desk.call('POST', `${path}/restore`))
  expect(await desk.get('activities')).toMatchObject({ data: [{ id: made.id }] })
})

test('[ACT1] every fault of an activity is named at its place, also where a link leads nowhere or out of sight', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const boss = await openDesk(hub, { role: 'manager' }, desk.api)
  const faults = async (body: object) => {
    const answer = await desk.call('POST', 'activities', { type: 'task', subject: 'x', ...body })
    expect(answer.status).toBe(400)
    return (answer.body as unknown as { errors: { pointer: string }[] }).errors
      .map(({ pointer }) => pointer)
      .toSorted()
  }
  expect(
    await faults({ type: 'nap', subject: '', dueAt: '0000-01-01T00:00:00Z', remindAt: 'soon', x: 1 }),
  ).toEqual(['/dueAt', '/remindAt', '/subject', '/type', '/x'])
  const nowhere = '01a1fcee-c940-7000-9cf0-c2319d33019a'
  expect(await faults({ customerId: 9, contactId: 9, dealId: 9, conversationId: nowhere })).toEqual([
    '/contactId',
    '/conversationId',
    '/customerId',
    '/dealId',
  ])
  expect(await faults({ assigneeId: nowhere })).toEqual(['/assigneeId'])
  const customer = await desk.make<{ id: number }>('customers', { name: 'Gone' })
  const kept = await desk.make<ActivityView>('activities', {
    type: 'task',
    subject: 'x',
    customerId: customer.id,
  })
  await boss.call('DELETE', `customers/${customer.id}`)
  expect(await faults({ customerId: customer.id })).toEqual(['/customerId'])
  const still = { subject: 'y', customerId: customer.id }
  expect((await desk.call('PATCH', `activities/${kept.id}`, still)).status).toBe(200)
})

test("[ACT2] agents see and change their own and nobody's; whoever loses one is told to forget it; other tenants see none", async () => {
  await using hub = await startHub()
  const ana = await openDesk(hub, { sub: 'ana' })
  const ben = await openDesk(hub, { sub: 'ben' }, ana.api)
  const boss = await openDesk(hub, { role: 'manager' }, ana.api)
  const viewer = await openDesk(hub, { role: 'viewer' }, ana.api)
  const idOf = (desk: Desk) => (desk.actor as { id: string }).id
  const watchers = [ana, ben, boss, viewer].map(({ token }, at) => ({ name: `watcher ${at}`, token }))
  const watched = <T>(act: () => Promise<T>) =>
    expectReplayEqualsSnapshot(hub, act, { api: ana.api, watchers })
  const made = await watched(() =>
    ana.make<ActivityView>('activities', { type: 'task', subject: 'mine', assigneeId: idOf(ana) }),
  )
  const path = `activities/${made.id}`
  const status = async (desk: Desk, method: string, body?: object) =>
    (await desk.call(method, path, body)).status
  expect(await Promise.all([ana, ben, boss, viewer].map((desk) => status(desk, 'GET')))).toEqual([
    200, 404, 200, 200,
  ])
  expect(ids(await ben.get('activities'))).toEqual([])
  expect(await status(ben, 'PATCH', { subject: 'x' })).toBe(404)
  expect((await ben.call('POST', `${path}/complete`, {})).status).toBe(404)
  expect(await status(viewer, 'PATCH', { subject: 'x' })).toBe(403)
  expect((await viewer.call('POST', `${path}/complete`, {})).status).toBe(403)
  await watched(() => boss.call('PATCH', path, { assigneeId: idOf(ben) }))
  expect(await Promise.all([ana, ben].map((desk) => status(desk, 'GET')))).toEqual([404, 200])
  expect((await eventsOf(ben, 'activity.updated')).length).toBe(1)
  expect(await eventsOf(ana, 'activity.updated')).toEqual([])
  await watched(() => ben.call('PATCH', path, { assigneeId: null }))
  expect(ids(await ana.get('activities'))).toEqual([made.id])
  const other = await hub.addTenant()
  const stranger = await openDesk(hub, { role: 'admin', tenant: other.slug }, ana.api)
  expect(ids(await stranger.get('activities'))).toEqual([])
  for (const [method, at] of [
    ['GET', path],
    ['DELETE', path],
    ['POST', `${path}/complete`],
    ['POST', `${path}/restore`],
  ] as const)
    expect((await stranger.call(method, at, method === 'POST' ? {} : undefined)).status).toBe(404)
})

test('[ACT3] completing says so once, and whoever comes second with another outcome is told', async () => {
  await using hub = await startGatewayHub({}, commandHandlers)
  const desk = await openDesk(hub)
  const make = () => desk.make<ActivityView>('activities', { type: 'call', subject: 'x' })
  const { id } = await make()
  const complete = (body: object) => desk.call<ActivityView>('POST', `activities/${id}/complete`, body)
  const done = await expectReplayEqualsSnapshot(hub, () => complete({ outcome: 'will buy' }))
  expect(done).toMatchObject({ status: 200, body: { data: { status: 'done', outcome: 'will buy' } } })
  expect((await complete({})).body).toEqual(done.body)
  expect((await complete({ outcome: 'will buy' })).body).toEqual(done.body)
  expect(await complete({ outcome: 'will not' })).toMatchObject({ status: 409, body: { code: 'conflict' } })
  expect(await eventsOf(desk, 'activity.completed')).toHaveLength(1)
  expect(await eventsOf(desk, 'activity.updated')).toEqual([])

  const [other, deleted] = [await make(), await make()]
  await desk.call('DELETE', `activities/${deleted.id}`)
  const client = hub.connect({ token: desk.token })
  await client.next('hello')
  expect(await client.send('activity.complete', { activityId: other.id, outcome: 'ok' })).toMatchObject({
    ok: true,
    data: { id: other.id, status: 'done', outcome: 'ok' },
  })
  expect(await client.next('activity.completed')).toMatchObject({ data: { activity: { id: other.id } } })
  expect(await client.send('activity.complete', { activityId: deleted.id })).toMatchObject({
    ok: false,
    error: { code: 'not_found' },
  })
})

test('[ACT4] what is mine is overdue, for today in the zone of the tenant, or for later', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const { id: assigneeId } = desk.actor as { id: string }
  const add = async (dueAt: string | null, more: object = {}) =>
    (await desk.make<ActivityView>('activities', { type: 'task', subject: 'x', dueAt, assigneeId, ...more }))
      .id
  const past = await add(inMs(-hour))
  await add(inMs(-hour), { assigneeId: null })
  await add(inMs(-hour), { status: 'cancelled' })
  const someday = await add(null)
  const later = await add(inMs(30 * hour))
  const mine = async (when: string) => ids(await desk.get(`me/activities${when && `?when=${when}`}`))
  expect(await mine('')).toEqual([past, later, someday])
  expect([await mine('overdue'), await mine('upcoming')]).toEqual([[past], [later]])

  // Eleven hours from now is today or tomorrow, as the clock of the tenant says.
  const now = new Date()
  const zoneAtHour = (wanted: number) => {
    const offset = ((((wanted - now.getUTCHours()) % 24) + 36) % 24) - 12
    return `Etc/GMT${offset <= 0 ? '+' : '-'}${Math.abs(offset)}`
  }
  const soon = await add(inMs(11 * hour))
  const moveTo = (zone: string) =>
    inTenant(hub.deps, hub.tenant.id, (tx) => tx.query('update tenants set time_zone = $1', [zone]))
  await moveTo(zoneAtHour(1))
  expect([await mine('today'), await mine('upcoming')]).toEqual([[soon], [later]])
  await moveTo(zoneAtHour(20))
  expect([await mine('today'), await mine('upcoming')]).toEqual([[], [soon, later]])
  expect((await desk.call('GET', 'me/activities?when=never')).status).toBe(400)
})

test('[ACT4] activities are found by type, state, person, what they are about, and when they are due', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const { id: me } = desk.actor as { id: string }
  const customer = await desk.make<{ id: number }>('customers', { name: 'Acme' })
  const add = async (body: object) => (await desk.make<ActivityView>('activities', body)).id
  const call = await add({ type: 'call', subject: 'Été', dueAt: '2026-05-02T00:00:00Z', assigneeId: me })
  const task = await add({ type: 'task', subject: 'Bill', customerId: customer.id, priority: 'urgent' })
  const found = async (query: string) => ids(await desk.get(`activities?${query}`))
  expect(await found('')).toEqual([call, task])
  expect(await found('sort=dueAt&order=desc')).toEqual([task, call])
  for (const query of ['type=call', 'q=ete', 'assigneeId=me', 'dueTo=2026-06-01T00:00:00Z'])
    expect(await found(query), query).toEqual([call])
  for (const query of ['assigneeId=none', `customerId=${customer.id}`, 'priority=urgent'])
    expect(await found(query), query).toEqual([task])
  expect(await found('status=done')).toEqual([])
  const first = await desk.get<{ nextCursor: string }>('activities?limit=1')
  expect(await found(`limit=1&cursor=${first.nextCursor}`)).toEqual([task])
})

/** Activities whose reminder was due `ago` ms ago, as after a time when no process ran. */
async function buildDue(desk: Desk, count: number, ago = hour): Promise<number[]> {
  const made: number[] = []
  for (let n = 0; n < count; n++) {
    const body = { type: 'task', subject: `due ${n}`, remindAt: inMs(-ago) }
    made.push((await desk.make<ActivityView>('activities', body)).id)
  }
  return made
}

test('[ACT5] a reminder is given once, by however many workers and however late; a new time arms it again', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const due = await buildDue(desk, 3, 400 * 24 * hour)
  const [silent] = await buildDue(desk, 1)
  await desk.call('POST', `activities/${silent}/complete`, {})
  await desk.make('activities', { type: 'task', subject: 'later', remindAt: inMs(hour) })
  const looks = () => Promise.all([1, 2, 3, 4].map(() => giveReminders(hub.deps, { atMost: 100 })))
  const given = await expectReplayEqualsSnapshot(hub, looks)
  expect(given.reduce((sum, one) => sum + one)).toBe(due.length)
  expect(await looks()).toEqual([0, 0, 0, 0])
  const reminded = async () =>
    (await eventsOf(desk, 'activity.reminded')).map((event) =>
      event.type === 'activity.reminded' ? event.data.activity.id : 0,
    )
  expect(new Set(await reminded())).toEqual(new Set(due))
  expect(await reminded()).toHaveLength(due.length)
  const [first = 0] = due
  const one = `activities/${first}`
  expect((await desk.get<{ data: ActivityView }>(one)).data.remindedAt).not.toBeNull()
  await desk.call('PATCH', one, { subject: 'something else' })
  expect(await looks()).toEqual([0, 0, 0, 0])
  const moved = await desk.call<ActivityView>('PATCH', one, { remindAt: inMs(-1000) })
  expect(moved.body.data.remindedAt).toBeNull()
  expect((await looks()).reduce((sum, each) => sum + each)).toBe(1)
  expect((await reminded()).filter((id) => id === first)).toHaveLength(2)
})

test('[AUD5] a reminder that is given leaves one row in the trail, of the system, from the version before to the one after', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const due = await buildDue(desk, 2)
  expect(await giveReminders(hub.deps, { atMost: 100 })).toBe(2)
  expect(await giveReminders(hub.deps, { atMost: 100 })).toBe(0)
  const rest = await startRestOf(hub)
  const { body: trail } = await rest.call<{ data: AuditEntryView[] }>(
    'GET',
    '/admin/audit-logs?action=activity.remind',
    { token: hub.token('admin') },
  )
  expect(trail.data).toHaveLength(due.length)
  for (const id of due) {
    const now = (await desk.get<{ data: ActivityView }>(`activities/${id}`)).data
    expect(now).toMatchObject({ version: 2, remindedAt: expect.any(String) })
    expect(trail.data.find(({ entityId }) => entityId === String(id))).toMatchObject({
      actor: { kind: 'system', name: 'reminders' },
      entity: 'activity',
      before: { version: 1, remindedAt: null },
      after: { version: 2, remindedAt: now.remindedAt },
    })
  }
})

test('[ACT5] a tenant whose reminders fail does not keep the others from theirs', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const [lost] = await buildDue(desk, 1, 2 * hour)
  const other = await hub.addTenant()
  const neighbour = await openDesk(hub, { tenant: other.slug }, desk.api)
  await buildDue(neighbour, 1)
  await withSuperuser(hub, async (client) => {
    await client.query(
      `create function refuse() returns trigger language plpgsql as $$ begin raise 'refused by the test'; end $$;
       create trigger refuse before update on activities for each row when (old.id = ${lost}) execute function refuse()`,
    )
    await expect(giveReminders(hub.deps, { atMost: 100 })).rejects.toThrow(AggregateError)
    expect(await eventsOf(neighbour, 'activity.reminded')).toHaveLength(1)
    await client.query('drop trigger refuse on activities')
  })
  expect(await giveReminders(hub.deps, { atMost: 100 })).toBe(1)
})

async function withSuperuser(hub: Hub, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

test('[ACT5] a worker that is killed between the row and the event leaves the reminder to the next one', async () => {
  await using hub = await startHub({ SWEEP_MS: '200' })
  const desk = await openDesk(hub)
  const [id] = await buildDue(desk, 1)
  await withSuperuser(hub, async (client) => {
    // Its row is written and its event waits for the head of the log.
    await client.query('begin')
    await client.query('select 1 from tenant_heads where tenant_id = $1 for update', [hub.tenant.id])
    const first = await startWorkerProcess(hub)
    await withSuperuser(hub, (observer) =>
      eventually(async () => {
        const { rows } = await observer.query(
          `select 1 from pg_stat_activity where datname = current_database()
           and wait_event_type = 'Lock' and query like '%append_events%'`,
        )
        expect(rows).toHaveLength(1)
      }),
    )
    first.signal('SIGKILL')
    expect(await first.ended()).toBe('SIGKILL')
    await client.query('commit')
  })
  await startWorkerProcess(hub)
  await eventually(async () =>
    expect((await desk.get<{ data: ActivityView }>(`activities/${id}`)).data.remindedAt).not.toBeNull(),
  )
  expect(await eventsOf(desk, 'activity.reminded')).toHaveLength(1)
})
