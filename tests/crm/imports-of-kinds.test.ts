import { expect, test } from 'vitest'
import type { DealView } from '../../src/contract/crm/deal.ts'
import type { PipelineStageView } from '../../src/contract/crm/pipeline.ts'
import type { ContactView } from '../../src/contract/records.ts'
import { asSuperuser } from '../cli/cli.ts'
import { buildChannel, buildConversation } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { startHub } from '../harness/hub.ts'
import { startPart } from '../harness/processes.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { bring, ended, errorsOf, get, openWithWorkers, start, upload } from './bringing.ts'

async function make<View>(rest: RestClient, token: string, path: string, json: object): Promise<View> {
  const answer = await rest.call<{ data: View }>('POST', `/admin/${path}`, { token, json })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.data
}

async function list<View>(rest: RestClient, token: string, path: string): Promise<View[]> {
  const found: View[] = []
  for (let cursor = ''; ; ) {
    const { body } = await rest.call<{ data: View[]; nextCursor: string | null }>(
      'GET',
      `/admin/${path}?sort=createdAt&order=asc&limit=200${cursor}`,
      { token },
    )
    found.push(...body.data)
    if (body.nextCursor === null) return found
    cursor = `&cursor=${body.nextCursor}`
  }
}

const exported = async (rest: RestClient, token: string, path: string) =>
  (await rest.call('GET', `/admin/${path}`, { token })).text.replace(/^\uFEFF/, '')

/** What two records that were made apart have in common. */
const bare = (views: readonly object[]) =>
  views.map((view) => ({ ...view, id: 0, createdAt: '', updatedAt: '', version: 0 }))

const types = { note: 'text', size: 'number', budget: 'currency', vip: 'checkbox' }
const values = { note: "'+x", size: -12.5, budget: { valueMinor: -120050, currency: 'EUR' }, vip: false }

test('[CSV4] contacts that were exported come back as they were, in another tenant and over themselves', async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const other = await hub.addTenant()
  const here = hub.token('manager')
  const there = hub.token('manager', { tenant: other.slug })
  for (const token of [there, here])
    for (const [key, type] of Object.entries(types))
      await make(rest, token, 'custom-fields', { entity: 'contact', key, label: key, type })
  await make(rest, here, 'contacts', {
    firstName: '=1+1, "quoted"',
    lastName: "'tis",
    email: 'a@b.example',
    phone: '+4917012345',
    title: '@home',
    language: 'pt-BR',
    timezone: 'Europe/Berlin',
    blocked: true,
    identities: [
      { kind: 'username', value: 'a;b' },
      { kind: 'phone', value: '4917012345' },
    ],
    customFields: values,
  })
  await make(rest, here, 'contacts', { firstName: 'Bo' })
  const text = await exported(rest, here, 'contacts/export?sort=createdAt&order=asc')
  expect(text.split('\r\n')[0]).toBe(
    'id,firstName,lastName,email,phone,title,customerId,isPrimary,language,timezone,blocked,identities,' +
      'customFields.note,customFields.size,customFields.budget,customFields.vip,createdAt,updatedAt',
  )
  expect(text).toContain(`"'=1+1, ""quoted""",'tis,a@b.example,'+4917012345,'@home,`)
  const brought = await bring(rest, there, text, { entity: 'contact' })
  expect(brought, await errorsOf(rest, there, brought.id)).toMatchObject({
    entity: 'contact',
    state: 'done',
    created: 2,
  })
  const before = await list<ContactView>(rest, here, 'contacts')
  expect(before[0]).toMatchObject({ customFields: values, blocked: true })
  expect(bare(await list(rest, there, 'contacts'))).toEqual(bare(before))
  for (const upsertKey of ['id', 'phone', 'email'])
    expect(await bring(rest, here, text, { entity: 'contact', upsertKey }), upsertKey).toMatchObject({
      updated: 0,
      ...(upsertKey === 'id' ? { unchanged: 2 } : { unchanged: 1, created: 1 }),
    })
  expect((await list(rest, here, 'contacts')).slice(0, 2)).toEqual(before)
}, 120_000)

test('[CSV5] contacts are found by any number that is theirs, and by e-mail address; an address of somebody else is an error of its row', async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const token = hub.token('agent')
  const known = await make<ContactView>(rest, token, 'contacts', {
    firstName: 'Ana',
    identities: [{ kind: 'wa_id', value: '4917012345' }],
  })
  const file = 'firstName,phone,email,blocked\nAnna,+49 170 12345,,yes\n,+4917099999,,no\nBo,+4917088888,x,\n'
  const result = await expectReplayEqualsSnapshot(hub, () =>
    bring(rest, token, file, { entity: 'contact', upsertKey: 'phone' }),
  )
  expect(result).toMatchObject({ created: 0, updated: 1, failed: 2 })
  const errors = await errorsOf(rest, token, result.id)
  expect(errors).toMatch(/3,.*firstName/)
  expect(errors).toMatch(/4,.*email/)
  const [ana] = await list<ContactView>(rest, token, 'contacts')
  expect(ana).toMatchObject({ id: known.id, firstName: 'Anna', phone: '+4917012345', blocked: true })
  const again = await bring(rest, token, 'firstName,phone\nEve,+4917012345\n', { entity: 'contact' })
  expect(again).toMatchObject({ created: 0, failed: 1 })
  expect(await errorsOf(rest, token, again.id)).toContain(`(contact ${known.id})`)
  await make(rest, token, 'contacts', { firstName: 'C', email: 'c@d.example' })
  const byEmail = 'firstName,email\nCarla,C@D.example\n'
  expect(await bring(rest, token, byEmail, { entity: 'contact', upsertKey: 'email' })).toMatchObject({
    updated: 1,
  })
}, 120_000)

test('[CSV4] deals that were exported come back as they were, stages by their names', async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const other = await hub.addTenant()
  const here = hub.token('manager')
  const there = hub.token('manager', { tenant: other.slug })
  for (const token of [there, here])
    for (const [key, type] of Object.entries(types))
      await make(rest, token, 'custom-fields', { entity: 'deal', key, label: key, type })
  const stages = await list<PipelineStageView>(rest, here, 'pipeline-stages')
  const stage = (name: string) => stages.find((one) => one.name === name)?.id
  const channel = await buildChannel(hub)
  const { id: conversationId } = await buildConversation(hub, channel)
  await make(rest, here, 'deals', {
    title: '+49 deal; "big"',
    stageId: stage('Lost'),
    valueMinor: 120050,
    currency: 'EUR',
    probability: 5,
    expectedCloseOn: '2027-01-31',
    lostReason: '-1\nprice',
    customFields: values,
  })
  await make(rest, here, 'deals', {
    title: 'b',
    stageId: stage('Qualified'),
    conversationIds: [conversationId],
  })
  const text = await exported(rest, here, 'deals/export?sort=createdAt&order=asc')
  expect(text.split('\r\n')[0]).toBe(
    'id,title,pipeline,stage,customerId,contactId,ownerId,valueMinor,currency,probability,expectedCloseOn,lostReason,conversationIds,' +
      'customFields.note,customFields.size,customFields.budget,customFields.vip,enteredStageAt,closedAt,createdAt,updatedAt',
  )
  const brought = await bring(rest, there, text, { entity: 'deal', mapping: { conversationIds: null } })
  expect(brought, await errorsOf(rest, there, brought.id)).toMatchObject({ state: 'done', created: 2 })
  const before = await list<DealView>(rest, here, 'deals')
  const shape = (deals: readonly DealView[]) =>
    bare(deals).map((deal) => ({
      ...deal,
      stageId: 0,
      pipelineId: 0,
      conversationIds: [],
      enteredStageAt: '',
      closedAt: '',
    }))
  const after = await list<DealView>(rest, there, 'deals')
  expect(shape(after)).toEqual(shape(before))
  expect(after.map(({ closedAt }) => closedAt !== null)).toEqual([true, false])
  const theirs = await list<PipelineStageView>(rest, there, 'pipeline-stages')
  expect(after.map(({ stageId }) => theirs.find(({ id }) => id === stageId)?.name)).toEqual([
    'Lost',
    'Qualified',
  ])
  expect(await bring(rest, here, text, { entity: 'deal', upsertKey: 'id' })).toMatchObject({ unchanged: 2 })
  expect(await list(rest, here, 'deals')).toEqual(before)
}, 120_000)

test('[CSV5] a row puts a deal into the stage that it names, new ones into the first open one, and moves nobody else', async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const token = hub.token('manager')
  const second = await make<{ id: number }>(rest, token, 'pipelines', { name: 'Partners' })
  for (const name of ['New', 'Signed'])
    await make(rest, token, 'pipeline-stages', { name, pipelineId: second.id, kind: 'open' })
  const known = await make<DealView>(rest, token, 'deals', {
    title: 'old',
    stageId: (await list<PipelineStageView>(rest, token, 'pipeline-stages'))[0]?.id,
  })
  const file = [
    'id,title,Pipeline,Stage',
    ',no stage,,',
    ',by default,,new',
    ',the only one,,signed',
    ',named,partners,New',
    ',first,Partners,',
    ',nowhere,,Nowhere',
    ',no pipeline,Nothing,New',
    `${known.id},moved,,Won`,
    `${known.id},renamed,,`,
    '99999,gone,,',
  ].join('\n')
  const result = await expectReplayEqualsSnapshot(hub, () =>
    bring(rest, token, file, { entity: 'deal', upsertKey: 'id' }),
  )
  const errors = await errorsOf(rest, token, result.id)
  expect(result, errors).toMatchObject({ created: 5, updated: 2, failed: 3 })
  expect(errors).toMatch(/7,stage: there is none called Nowhere/)
  expect(errors).toMatch(/8,pipeline: there is none called Nothing/)
  expect(errors).toMatch(/11,.*no deal with this id/)
  const stages = new Map(
    (await list<PipelineStageView>(rest, token, 'pipeline-stages')).map((one) => [one.id, one]),
  )
  const placed = (await list<DealView>(rest, token, 'deals')).map(({ title, stageId, pipelineId }) =>
    [title, stages.get(stageId)?.name, pipelineId === second.id ? 'Partners' : 'Sales'].join(', '),
  )
  expect(placed.toSorted()).toEqual(
    [
      'renamed, Won, Sales',
      'no stage, New, Sales',
      'by default, New, Sales',
      'the only one, Signed, Partners',
      'named, New, Partners',
      'first, New, Partners',
    ].toSorted(),
  )
}, 120_000)

test("[CSV3] an agent takes out its own deals and nobody's, and brings none over those of somebody else", async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const manager = hub.token('manager')
  const [agent, colleague] = [await hub.signIn('agent'), await hub.signIn('agent', { sub: 'agent-2' })]
  const [stage] = await list<PipelineStageView>(rest, manager, 'pipeline-stages')
  const ownerId = (colleague.actor as { id: string }).id
  const theirs = await make<DealView>(rest, manager, 'deals', {
    title: 'theirs',
    stageId: stage?.id,
    ownerId,
  })
  await make(rest, manager, 'deals', { title: 'nobody', stageId: stage?.id })
  const text = await exported(rest, agent.token, 'deals/export')
  expect([text.includes('nobody'), text.includes('theirs')]).toEqual([true, false])
  const result = await bring(rest, agent.token, `id,title\n${theirs.id},mine\n`, {
    entity: 'deal',
    upsertKey: 'id',
  })
  expect(result).toMatchObject({ updated: 0, failed: 1 })
  const viewer = hub.token('viewer')
  expect((await rest.call('GET', '/admin/deals/export', { token: viewer })).status).toBe(200)
  for (const path of ['contacts', 'deals'])
    expect(await rest.refused('GET', `/admin/${path}/export?colour=red`, { token: viewer })).toMatchObject({
      status: 400,
    })
}, 120_000)

test('[CSV7] a kind of record is found by its own keys; the file needs the column that makes one', async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const token = hub.token('agent')
  for (const upsertKey of ['email', 'phone'])
    expect(
      await rest.refused('POST', '/admin/imports', { token, json: { entity: 'deal', upsertKey } }),
    ).toMatchObject({ status: 400, errors: [{ pointer: '/upsertKey' }] })
  expect(await rest.refused('POST', '/admin/imports', { token, json: { entity: 'note' } })).toMatchObject({
    status: 400,
    errors: [{ pointer: '/entity' }],
  })
  for (const [entity, column] of [
    ['contact', 'firstName'],
    ['deal', 'title'],
  ])
    expect(await bring(rest, token, 'name\nx\n', { entity })).toMatchObject({
      state: 'failed',
      reason: `The file has no column "${column}".`,
    })
  expect(await bring(rest, token, 'a\nx\n', { entity: 'deal', mapping: { a: 'colour' } })).toMatchObject({
    reason: 'The mapping names "colour", which is no column of deals.',
  })
}, 120_000)

test.each([
  { entity: 'contact', column: 'firstName', path: 'contacts' },
  { entity: 'deal', column: 'title', path: 'deals' },
])(
  '[CSV6] an import of $path that is killed in the middle doubles nothing',
  async ({ entity, column, path }) => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const token = hub.token('agent')
    const settings = { IMPORT_BATCH: '10', IMPORT_LEASE_MS: '500', SWEEP_MS: '100' }
    const rows = 300
    const file = `${column}\n${Array.from({ length: rows }, (_, i) => `c${i}`).join('\n')}`
    const { id } = await upload(rest, token, file, { entity })
    const first = await startPart(hub, 'workers', { more: settings })
    await start(rest, token, id)
    await eventually(async () => expect((await get(rest, token, id)).rowsDone).toBeGreaterThan(20))
    await first.kill()
    const left = await get(rest, token, id)
    expect([left.state, left.rowsDone < rows]).toEqual(['running', true])
    await startPart(hub, 'workers', { more: settings })
    expect(await ended(rest, token, id)).toMatchObject({ state: 'done', created: rows, failed: 0 })
    const { rows: counted } = await asSuperuser(hub, (query) =>
      query(
        `select count(*)::integer as all, count(distinct ${column === 'title' ? 'title' : 'first_name'})::integer as names from ${path}`,
      ),
    )
    expect(counted).toEqual([{ all: rows, names: rows }])
  },
  60_000,
)
