import { expect, test } from 'vitest'
import type { ActivityView } from '../../src/contract/crm/activity.ts'
import type { DealView } from '../../src/contract/crm/deal.ts'
import type { PipelineStageView } from '../../src/contract/crm/pipeline.ts'
import type { SavedViewView } from '../../src/contract/crm/saved-view.ts'
import type { NoteView } from '../../src/contract/conversation.ts'
import type { ContactView } from '../../src/contract/records.ts'
import { hangingOn, purgedNouns, purgedTables } from '../../src/domain/retention/hanging-records.ts'
import { purgeRecords } from '../../src/domain/retention/purge-records.ts'
import { startWorkers } from '../../workers/server.ts'
import { asSuperuser } from '../cli/cli.ts'
import { buildChannel, buildConversation } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot, threeWatchers } from '../harness/replay.ts'
import { type Desk, openDesk } from './desk.ts'

const sql = async <Row>(hub: Hub, text: string, values: readonly unknown[] = []) =>
  (await asSuperuser(hub, (query) => query(text, values as unknown[]))).rows as Row[]

const purge = (hub: Hub) => purgeRecords(hub.deps, { atMost: 500 })

/** Makes it so that what is deleted was deleted so many seconds before the limit of 30 days; after it when negative. */
const deletedBefore = (hub: Hub, table: string, seconds: number, ids: readonly number[] | null = null) =>
  sql(
    hub,
    `update ${table} set deleted_at = now() - make_interval(days => 30, secs => $1)
     where deleted_at is not null and ($2::integer[] is null or id = any($2))`,
    [seconds, ids],
  )

const idsIn = async (hub: Hub, table: string) =>
  (await sql<{ id: number }>(hub, `select id from ${table} order by id`)).map(({ id }) => id)

async function firstStage(desk: Desk): Promise<number> {
  const { data } = await desk.get<{ data: PipelineStageView[] }>('pipeline-stages')
  return data[0]?.id ?? 0
}

test('[RET1] a deleted record of every kind stays for DELETED_KEEP_DAYS, and not for longer', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30' })
  const desk = await openDesk(hub, { role: 'manager' })
  const stageId = await firstStage(desk)
  const customer = await desk.make<{ id: number }>('customers', { name: 'lasting' })
  const paths = [
    ['saved-views', { entity: 'customer', name: 'v' }],
    ['notes', { body: 'n', customerId: customer.id }],
    ['activities', { type: 'task', subject: 's' }],
    ['deals', { title: 'd', stageId }],
    ['contacts', { firstName: 'c', phone: '+4917012345' }],
    ['customers', { name: 'c' }],
    ['pipelines', { name: 'p' }],
    ['pipeline-stages', { name: 's' }],
    ['tags', { name: 't' }],
  ] as const
  const made = new Map<string, number>()
  for (const [path, body] of paths) {
    const { id } = await desk.make<{ id: number }>(path, body)
    expect((await desk.call('DELETE', `${path}/${id}`)).status).toBe(204)
    made.set(path, id)
  }
  expect(paths.map(([path]) => path.replaceAll('-', '_')).toSorted()).toEqual(
    Object.values(purgedTables).toSorted(),
  )
  for (const table of Object.values(purgedTables)) await deletedBefore(hub, table, -60)
  expect(await purge(hub)).toBe(0)
  for (const [path, id] of made) expect((await desk.call('GET', `${path}/${id}`)).status, path).toBe(200)
  for (const table of Object.values(purgedTables)) await deletedBefore(hub, table, 60)
  // The stage of a deal stays for its history, until that is gone too.
  while ((await purge(hub)) > 0);
  for (const [path, id] of made) {
    expect((await desk.call('GET', `${path}/${id}`)).status, path).toBe(404)
    expect((await desk.call('POST', `${path}/${id}/restore`)).status, path).toBe(404)
  }
  expect((await desk.call('GET', `customers/${customer.id}`)).status).toBe(200)
  // Its address is free again.
  await desk.make('contacts', { firstName: 'd', phone: '+4917012345' })
})

test('[RET2] notes go with what they are about; what only referred to it goes on, and every screen knows', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30' })
  const desk = await openDesk(hub, { role: 'manager' })
  const agent = await openDesk(hub, { role: 'agent' }, desk.api)
  const watchers = [...(await threeWatchers(hub)), { name: 'agent', token: agent.token }]
  const stageId = await firstStage(desk)
  const tag = await desk.make<{ id: number }>('tags', { name: 't' })
  const customer = await desk.make<{ id: number }>('customers', { name: 'c', tags: [tag.id] })
  const contact = await desk.make<ContactView>('contacts', {
    firstName: 'gone',
    customerId: customer.id,
    phone: '+4917012345',
  })
  const person = await desk.make<ContactView>('contacts', { firstName: 'lasting', customerId: customer.id })
  const deal = await desk.make<DealView>('deals', {
    title: 'lasting',
    stageId,
    customerId: customer.id,
    contactId: contact.id,
  })
  const lost = await desk.make<DealView>('deals', { title: 'gone', stageId, customerId: customer.id })
  const binned = await desk.make<DealView>('deals', { title: 'binned', stageId, customerId: customer.id })
  const activity = await desk.make<ActivityView>('activities', {
    type: 'task',
    subject: 's',
    customerId: customer.id,
    contactId: contact.id,
    dealId: lost.id,
  })
  const notes = [{ customerId: customer.id }, { contactId: contact.id }, { dealId: lost.id }]
  for (const about of notes) await desk.make<NoteView>('notes', { body: 'n', ...about })
  const kept = await desk.make<NoteView>('notes', { body: 'kept', dealId: deal.id })
  const view = await desk.make<SavedViewView>('saved-views', { entity: 'deal', name: 'v', shared: true })
  await agent.call('PUT', 'me/default-views/deal', { viewId: view.id })
  for (const path of [
    `deals/${lost.id}`,
    `deals/${binned.id}`,
    `contacts/${contact.id}`,
    `customers/${customer.id}`,
    `saved-views/${view.id}`,
  ])
    expect((await desk.call('DELETE', path)).status, path).toBe(204)
  for (const table of ['customers', 'contacts', 'saved_views']) await deletedBefore(hub, table, 60)
  await deletedBefore(hub, 'deals', 60, [lost.id])
  const gone = await expectReplayEqualsSnapshot(hub, () => purge(hub), { api: desk.api, watchers })
  expect(gone).toBe(4)
  const read = async <View>(path: string) => (await desk.get<{ data: View }>(path)).data
  expect(await read(`deals/${deal.id}`)).toMatchObject({ customerId: null, contactId: null, deletedAt: null })
  expect(await read(`contacts/${person.id}`)).toMatchObject({ customerId: null })
  expect(await read(`activities/${activity.id}`)).toMatchObject({
    customerId: null,
    contactId: null,
    dealId: null,
  })
  expect(await idsIn(hub, 'notes')).toEqual([kept.id])
  // What was deleted later than it comes back without it.
  const back = await desk.call<DealView>('POST', `deals/${binned.id}/restore`)
  expect(back.body.data).toMatchObject({ customerId: null, deletedAt: null })
  for (const [table, column, id] of [
    ['customer_tags', 'customer_id', customer.id],
    ['contact_identities', 'contact_id', contact.id],
    ['deal_stage_changes', 'deal_id', lost.id],
    ['default_views', 'view_id', view.id],
  ] as const)
    expect(await sql(hub, `select 1 from ${table} where ${column} = $1`, [id]), table).toEqual([])
})

test('[RET2] a tag that goes is taken off its customers, who are announced, a few at a time', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30', PURGE_BATCH: '2' })
  const desk = await openDesk(hub, { role: 'manager' })
  const [kept, gone] = [
    await desk.make<{ id: number }>('tags', { name: 'kept' }),
    await desk.make<{ id: number }>('tags', { name: 'gone' }),
  ]
  const customers: number[] = []
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    customers.push((await desk.make<{ id: number }>('customers', { name, tags: [kept.id, gone.id] })).id)
  await desk.call('DELETE', `customers/${customers[4]}`)
  await desk.call('DELETE', `tags/${gone.id}`)
  await deletedBefore(hub, 'tags', 60)
  expect(await expectReplayEqualsSnapshot(hub, () => purge(hub), { api: desk.api })).toBe(1)
  for (const id of customers.slice(0, 4)) {
    const { data } = await desk.get<{ data: { tags: number[]; version: number } }>(`customers/${id}`)
    expect(data).toMatchObject({ tags: [kept.id], version: 2 })
  }
  expect(await sql(hub, 'select 1 from customer_tags where tag_id = $1', [gone.id])).toEqual([])
})

test('[RET2] a contact stays for its conversations, a stage for the deals that have been in it, a pipeline for its stages', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30' })
  const desk = await openDesk(hub, { role: 'manager' })
  const channel = await buildChannel(hub)
  const conversation = await buildConversation(hub, channel)
  const pipeline = await desk.make<{ id: number }>('pipelines', { name: 'p' })
  const stage = await desk.make<{ id: number }>('pipeline-stages', { name: 's', pipelineId: pipeline.id })
  const deal = await desk.make<DealView>('deals', { title: 'd', stageId: stage.id })
  await desk.call('POST', `deals/${deal.id}/move`, { stageId: await firstStage(desk) })
  const [contact] = await sql<{ contact_id: number }>(
    hub,
    'select contact_id from conversations where id = $1',
    [conversation.id],
  )
  for (const path of [`contacts/${contact?.contact_id}`, `pipelines/${pipeline.id}`])
    expect((await desk.call('DELETE', path)).status, path).toBe(204)
  for (const table of ['contacts', 'pipelines', 'pipeline_stages']) await deletedBefore(hub, table, 60)
  expect(await purge(hub)).toBe(0)
  await desk.call('DELETE', `deals/${deal.id}`)
  await deletedBefore(hub, 'deals', 60)
  expect([await purge(hub), await purge(hub), await purge(hub), await purge(hub)]).toEqual([1, 1, 1, 0])
  expect(await idsIn(hub, 'pipelines')).not.toContain(pipeline.id)
  expect(await idsIn(hub, 'contacts')).toContain(contact?.contact_id)
})

test('[RET2] every table that refers to a record that goes is known here', async () => {
  await using hub = await startHub()
  const found = await sql<{ reference: string }>(
    hub,
    `select distinct c.conrelid::regclass || '.' || a.attname || ' to ' || c.confrelid::regclass as reference
     from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
     where c.contype = 'f' and c.confdeltype = 'a' and c.confrelid::regclass::text = any ($1) and a.attname <> 'tenant_id'`,
    [Object.values(purgedTables)],
  )
  const known = purgedNouns.flatMap((noun) =>
    hangingOn[noun].map(({ table, column }) => `${table}.${column} to ${purgedTables[noun]}`),
  )
  // What keeps a record, the default views that are forgotten with theirs, and who went into a contact, who stays merged.
  const keeping = [
    'conversations.contact_id to contacts',
    'deals.stage_id to pipeline_stages',
    'deal_stage_changes.from_stage_id to pipeline_stages',
    'deal_stage_changes.to_stage_id to pipeline_stages',
    'pipeline_stages.pipeline_id to pipelines',
    'default_views.view_id to saved_views',
    'contacts.merged_into to contacts',
  ]
  const bare = found.map(({ reference }) => reference.replaceAll(/\b\w+\.(?=\w+\.)|(?<=to )\w+\.(?=\w)/g, ''))
  expect(bare.toSorted()).toEqual([...known, ...keeping].toSorted())
})

test('[RET3] one transaction changes PURGE_BATCH records, and not one more', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30', PURGE_BATCH: '3' })
  const desk = await openDesk(hub, { role: 'manager' })
  const sizes = async (people: number) => {
    const { id } = await desk.make<{ id: number }>('customers', { name: 'c' })
    for (let one = 0; one < people; one++) await desk.make('contacts', { firstName: 'p', customerId: id })
    await desk.call('DELETE', `customers/${id}`)
    await deletedBefore(hub, 'customers', 60)
    expect(await purge(hub)).toBe(1)
    const found = await sql<{ size: number }>(
      hub,
      'select count(*)::integer as size from contacts where version = 2 group by updated_at order by updated_at',
    )
    await sql(hub, 'update contacts set version = 3')
    return found.map(({ size }) => size)
  }
  expect(await sizes(3)).toEqual([3])
  expect(await sizes(4)).toEqual([3, 1])
  expect(await sizes(7)).toEqual([3, 3, 1])
})

test('[RET4] several workers do away with each record once, and with none that comes back', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30', PURGE_BATCH: '7' })
  const desk = await openDesk(hub, { role: 'manager' })
  const other = await hub.addTenant()
  for (const tenant of [hub.tenant.id, other.id])
    await sql(
      hub,
      `insert into customers (tenant_id, name, deleted_at)
       select $1, 'c' || i, now() - interval '31 days' from generate_series(1, 100) i`,
      [tenant],
    )
  const ids = await idsIn(hub, 'customers')
  const [returning = 0] = ids
  const [restored, ...gone] = await Promise.all([
    desk.call('POST', `customers/${returning}/restore`),
    ...[1, 2, 3, 4].map(() => purge(hub)),
  ])
  const isBack = restored.status === 200
  expect(gone.reduce((sum, some) => sum + some, 0) + (await purge(hub))).toBe(isBack ? 199 : 200)
  expect(await idsIn(hub, 'customers')).toEqual(isBack ? [returning] : [])
  const trail = await sql<{ entity_id: string }>(
    hub,
    `select entity_id from audit_logs where action = 'customer.purge'`,
  )
  expect(trail).toHaveLength(isBack ? 199 : 200)
  expect(new Set(trail.map(({ entity_id: id }) => id)).size).toBe(isBack ? 199 : 200)
})

test('[RET4] one that cannot go keeps no other one; the workers do it by themselves', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30' })
  await sql(
    hub,
    `insert into customers (tenant_id, name, deleted_at)
     select $1, 'c' || i, now() - interval '31 days' from generate_series(1, 5) i`,
    [hub.tenant.id],
  )
  const [stuck = 0] = await idsIn(hub, 'customers')
  // Something that knows of it in a table of somebody else.
  await sql(
    hub,
    'create table keepsakes (tenant_id uuid, customer_id integer, foreign key (tenant_id, customer_id) references customers (tenant_id, id))',
  )
  await sql(hub, 'insert into keepsakes values ($1, $2)', [hub.tenant.id, stuck])
  await expect(purge(hub)).rejects.toThrow('deleted records could not be done away with')
  expect(await idsIn(hub, 'customers')).toEqual([stuck])
  await sql(hub, 'drop table keepsakes')
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  await eventually(async () => expect(await idsIn(hub, 'customers')).toEqual([]), 10_000)
})

test('[RET5] the trail keeps what it says of a record that is gone, and says when it went', async () => {
  await using hub = await startHub({ DELETED_KEEP_DAYS: '30' })
  const desk = await openDesk(hub, { role: 'manager' })
  const { id } = await desk.make<{ id: number }>('customers', { name: 'remembered' })
  await desk.call('DELETE', `customers/${id}`)
  await deletedBefore(hub, 'customers', 60)
  await purge(hub)
  const trail = await sql<{ action: string; actor: object; after: object | null }>(
    hub,
    `select action, actor, after from audit_logs where entity = 'customer' and entity_id = $1 order by number`,
    [String(id)],
  )
  expect(trail).toMatchObject([
    { action: 'customer.create', after: { name: 'remembered' } },
    { action: 'customer.delete' },
    { action: 'customer.purge', actor: { kind: 'system', name: 'retention' } },
  ])
})
