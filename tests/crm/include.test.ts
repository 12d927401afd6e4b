import { expect, test } from 'vitest'
import type { CustomerView } from '../../src/contract/crm/customer.ts'
import type { TagView } from '../../src/contract/crm/tag.ts'
import type { ContactView, UserView } from '../../src/contract/records.ts'
import { createKey } from '../../src/domain/keys/create-key.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel, buildConversation } from '../harness/crowd.ts'
import type { Connection } from '../../src/platform/corked-client.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

interface Included {
  readonly users?: UserView[]
  readonly tags?: TagView[]
  readonly customers?: CustomerView[]
  readonly contacts?: ContactView[]
  readonly pipelines?: { id: number }[]
  readonly stages?: { id: number }[]
  readonly deals?: { id: number }[]
  readonly conversations?: { id: string }[]
}

type Things = Readonly<Record<string, readonly { readonly id: unknown }[]>>

async function make<View>(rest: RestClient, token: string, path: string, json: object): Promise<View> {
  const answer = await rest.call<{ data: View }>('POST', `/admin/${path}`, { token, json })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.data
}

/** What requests read, by transaction: others (who comes in, what is news) read as well. Call it before the first of them. */
function watchReads(hub: Hub): string[][] {
  const transactions: string[][] = []
  hub.deps.db.read.on('connect', (client) => {
    const connection = client as Connection
    const ask = connection.ask.bind(client)
    let open: string[] = []
    connection.ask = (statement) => {
      const { text } = statement
      if (text.startsWith('begin')) transactions.push((open = []))
      else if (text !== 'commit' && !text.includes('app.tenant_id')) open.push(text)
      return ask(statement)
    }
  })
  return transactions
}

test('[INC1] a list brings what its records refer to, each once, by one statement for each relation', async () => {
  await using hub = await startHub()
  const reads = watchReads(hub)
  const rest = await startRestOf(hub)
  const { token, actor } = await hub.signIn('agent')
  const other = await hub.signIn('manager')
  const tags: TagView[] = []
  for (const name of ['a', 'b', 'c']) tags.push(await make<TagView>(rest, token, 'tags', { name }))
  const customer = (i: number) =>
    make<CustomerView>(rest, token, 'customers', {
      name: `c${i}`,
      ownerId: [actor.id, other.actor.id, null][i % 3],
      tags: tags.slice(0, i % 3).map(({ id }) => id),
    })
  const list = async (limit: number) => {
    reads.length = 0
    const { body, status, text } = await rest.call<{ data: CustomerView[]; included: Included }>(
      'GET',
      `/admin/customers?limit=${limit}&include=owner,tags,owner`,
      { token },
    )
    expect(status, text).toBe(200)
    return { ...body, statements: reads.find((one) => one[0]?.includes('from customers r'))?.length }
  }
  for (let i = 0; i < 30; i++) await customer(i)
  const page = await list(30)
  expect(Object.keys(page.included)).toEqual(['users', 'tags'])
  expect(page.included.users?.map(({ id }) => id)).toEqual([actor.id, other.actor.id].toSorted())
  expect(page.included.tags).toEqual(tags.slice(0, 2))
  // The list, the position, the owners, the tags.
  expect(page.statements).toBe(4)
  // The newest three: one of each kind.
  expect((await list(3)).statements).toBe(4)

  const [first] = page.data
  const single = await rest.call<{ data: CustomerView; included: Included }>(
    'GET',
    `/admin/customers/${first?.id}?include=tags`,
    { token },
  )
  expect(single.body).toEqual({ data: first, included: { tags: tags.slice(0, 2) } })
  expect(single.headers.get('etag')).toBe('"1"')
})

test('[INC1] deals, activities and contacts bring their people and companies, also deleted ones', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const { token, actor } = await hub.signIn('manager')
  const customer = await make<CustomerView>(rest, token, 'customers', { name: 'Acme' })
  const contact = await make<ContactView>(rest, token, 'contacts', {
    firstName: 'Ana',
    customerId: customer.id,
  })
  const stages = await rest.call<{ data: { id: number }[] }>('GET', '/admin/pipeline-stages', { token })
  const links = { customerId: customer.id, contactId: contact.id }
  const stageId = stages.body.data[0]?.id
  await make(rest, token, 'deals', { title: 'd', stageId, ownerId: actor.id, ...links })
  await make(rest, token, 'activities', { type: 'task', subject: 'a', assigneeId: actor.id, ...links })
  await rest.call('DELETE', `/admin/customers/${customer.id}`, { token })
  const included = async (path: string) =>
    (await rest.call<{ included: Included }>('GET', `/admin/${path}`, { token })).body.included
  const all = {
    users: [{ id: actor.id }],
    customers: [{ id: customer.id, deletedAt: expect.any(String) }],
    contacts: [{ id: contact.id, firstName: 'Ana' }],
  }
  expect(await included('deals?include=owner,customer,contact')).toMatchObject(all)
  expect(await included('activities?include=assignee,customer,contact')).toMatchObject(all)
  expect(await included('contacts?include=customer')).toMatchObject({ customers: all.customers })
  expect(await included('customers?include=owner,tags')).toEqual({ users: [], tags: [] })
})

test('[INC1] deals bring their stages, pipelines and conversations, activities and notes what they are about, by as many statements for many as for one', async () => {
  await using hub = await startHub()
  const reads = watchReads(hub)
  const rest = await startRestOf(hub)
  const { token, actor } = await hub.signIn('manager')
  const other = await hub.signIn('agent')
  const stages = await rest.call<{ data: { id: number; pipelineId: number }[] }>(
    'GET',
    '/admin/pipeline-stages?include=pipeline',
    { token },
  )
  const [first, second] = stages.body.data
  expect(stages.body).toMatchObject({ included: { pipelines: [{ id: first?.pipelineId }] } })
  const channelId = await buildChannel(hub)
  const talks: string[] = []
  for (let i = 0; i < 3; i++) talks.push((await buildConversation(hub, channelId)).id)
  talks.sort()
  const { key } = await inTenant(hub.deps, hub.tenant.id, (tx) =>
    createKey(
      tx,
      { actor: { kind: 'system', tenantId: hub.tenant.id, name: 'a test' } },
      {
        name: 'notes',
        role: 'agent',
        scopes: ['record.read', 'note.write', 'deal.read'],
        expiresAt: null,
        ratePerMinute: null,
      },
    ),
  )
  const deals: { id: number }[] = []
  for (let i = 0; i < 12; i++) {
    const deal = await make<{ id: number }>(rest, token, 'deals', {
      title: `d${i}`,
      stageId: [first, second][i % 2]?.id,
      conversationIds: talks.slice(0, i % 3),
    })
    deals.push(deal)
    await make(rest, token, 'activities', {
      type: 'task',
      subject: 'a',
      dealId: deal.id,
      conversationId: talks[2],
    })
    await make(rest, i % 2 ? token : key, 'notes', { body: 'n', dealId: deal.id, mentions: [other.actor.id] })
  }
  const list = async (path: string, from: string) => {
    reads.length = 0
    const { body, status, text } = await rest.call<{ included: Included }>('GET', `/admin/${path}`, { token })
    expect(status, text).toBe(200)
    const statements = reads.find((one) => one[0]?.includes(from))?.length
    const ids = Object.entries(body.included as Things).map(([name, things]) => [
      name,
      things.map(({ id }) => id),
    ])
    return { ids: Object.fromEntries(ids) as Record<string, unknown>, statements }
  }
  const all = deals.map(({ id }) => id)
  // The list and the position; then one for each sort of thing, and for conversations: which, these, and their newest messages.
  const board = 'deals?include=stage,pipeline,conversations'
  expect(await list(`${board}&limit=50`, 'from deals r')).toEqual({
    ids: {
      stages: [first?.id, second?.id],
      pipelines: [first?.pipelineId],
      conversations: talks.slice(0, 2),
    },
    statements: 2 + 1 + 1 + 3,
  })
  expect(await list(`${board}&limit=1`, 'from deals r')).toMatchObject({ statements: 2 + 1 + 1 + 3 })
  expect(await list('activities?include=deal,conversation', 'from activities r')).toEqual({
    ids: { deals: all, conversations: talks.slice(2) },
    statements: 2 + 1 + 3,
  })
  // Authors and those who are mentioned are users, and there once; a program is none.
  expect(await list('notes?include=author,mentions,deal', 'from notes r')).toEqual({
    ids: { users: [actor.id, other.actor.id].toSorted(), deals: all },
    statements: 2 + 1 + 1,
  })
  expect(await list(`deals/${all[1]}?include=stage,conversations`, 'from deals r')).toMatchObject({
    ids: { stages: [second?.id], conversations: talks.slice(0, 1) },
  })
})

test('[INC2] what the reader may not see is not brought along, whatever refers to it', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const boss = await hub.signIn('manager')
  const ana = await hub.signIn('agent', { sub: 'ana' })
  const stages = await rest.call<{ data: { id: number }[] }>('GET', '/admin/pipeline-stages', {
    token: boss.token,
  })
  const channelId = await buildChannel(hub)
  const talk = await buildConversation(hub, channelId)
  const stageId = stages.body.data[0]?.id
  const deal = (owner: { id: string }, more: object = {}) =>
    make<{ id: number }>(rest, boss.token, 'deals', { title: 'd', stageId, ownerId: owner.id, ...more })
  const hers = await deal(ana.actor, { conversationIds: [talk.id], contactId: talk.contactId })
  const his = await deal(boss.actor)
  await make(rest, boss.token, 'activities', {
    type: 'task',
    subject: 'a',
    assigneeId: ana.actor.id,
    dealId: his.id,
    conversationId: talk.id,
  })
  await rest.call('PUT', `/api/v1/channels/${channelId}/members`, {
    token: hub.token('admin'),
    json: { membersOnly: true, memberIds: [] },
    headers: { 'if-match': '*' },
  })
  const included = async ({ token }: { token: string }, path: string) => {
    const { body, text } = await rest.call<{ data: unknown[]; included: Included }>('GET', `/admin/${path}`, {
      token,
    })
    expect(body.data, text).toHaveLength(1)
    return Object.values(body.included as Things).map((things) => things.map(({ id }) => id))
  }
  const about = `deals?ownerId=${ana.actor.id}&include=conversations,contact`
  expect(await included(boss, about)).toEqual([[talk.id], [talk.contactId]])
  expect(await included(ana, about)).toEqual([[], []])
  const task = 'activities?include=deal,conversation'
  expect(await included(boss, task)).toEqual([[his.id], [talk.id]])
  expect(await included(ana, task)).toEqual([[], []])
  const seen = await rest.call<{ included: Included }>(
    'GET',
    `/admin/deals/${hers.id}?include=conversations`,
    {
      token: ana.token,
    },
  )
  expect(seen.body.included).toEqual({ conversations: [] })
})

test('[INC2] what a kind does not have, or the caller may not read, is refused; what is not asked for is not there', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const { id } = await make<CustomerView>(rest, token, 'customers', { name: 'Acme' })
  expect(Object.keys((await rest.call('GET', `/admin/customers/${id}`, { token })).body)).toEqual(['data'])
  for (const path of [
    'customers?include=',
    'customers?include=owner,stage',
    `customers/${id}?include=customer`,
  ])
    expect((await rest.refused('GET', `/admin/${path}`, { token })).errors?.[0]?.pointer).toMatch(
      /^\/include/,
    )
  expect(await rest.refused('GET', '/admin/tags?include=owner', { token })).toMatchObject({
    errors: [{ pointer: '/include' }],
  })
  const { key } = await inTenant(hub.deps, hub.tenant.id, (tx) =>
    createKey(
      tx,
      { actor: { kind: 'system', tenantId: hub.tenant.id, name: 'a test' } },
      { name: 'records alone', role: 'agent', scopes: ['record.read'], expiresAt: null, ratePerMinute: null },
    ),
  )
  expect((await rest.call('GET', '/admin/customers?include=tags', { token: key })).status).toBe(200)
  expect(await rest.refused('GET', '/admin/customers?include=owner', { token: key })).toMatchObject({
    status: 403,
  })
})
