import { expect, test } from 'vitest'
import { type Action, actions } from '../../src/auth/can.ts'
import type { DealView } from '../../src/contract/crm/deal.ts'
import type { PipelineStageView } from '../../src/contract/crm/pipeline.ts'
import type { TimelineItem } from '../../src/contract/rest/contacts.ts'
import { createKey } from '../../src/domain/keys/create-key.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel, buildConversation, customerWrites } from '../harness/crowd.ts'
import { startHub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'

/** A contact of whom there is one line of each kind, and a manager's keys with these scopes. */
async function begin() {
  const hub = await startHub()
  const rest = await startRestOf(hub)
  const { token } = await hub.signIn('manager')
  const talk = await buildConversation(hub, await buildChannel(hub))
  const { contactId, id: conversationId } = talk
  await customerWrites(hub, conversationId, 'zebra said')
  const make = async <View = { id: number }>(path: string, json: object): Promise<View> => {
    const { status, body, text } = await rest.call<{ data: View }>('POST', `/admin/${path}`, { token, json })
    expect(status, text).toBe(201)
    return body.data
  }
  const stages = await rest.call<{ data: PipelineStageView[] }>('GET', '/admin/pipeline-stages', { token })
  const stageId = stages.body.data[0]?.id ?? 0
  const deal = await make<DealView>('deals', { title: 'zebra', stageId, contactId })
  await make('activities', { type: 'task', subject: 'zebra', contactId, dealId: deal.id, conversationId })
  await make('notes', { body: 'on contact', contactId })
  await make('notes', { body: 'on deal', dealId: deal.id })
  await make('notes', { body: 'on talk', conversationId })
  const title = await rest.call('PATCH', `/admin/contacts/${contactId}`, { token, json: { title: 'CEO' } })
  expect(title.status).toBe(200)
  const keyWith = async (...scopes: Action[]): Promise<string> => {
    const by = { actor: { kind: 'system', tenantId: hub.tenant.id, name: 'a test' } } as const
    const json = { name: 'a program', role: 'manager', expiresAt: null, ratePerMinute: null } as const
    return inTenant(hub.deps, hub.tenant.id, async (tx) => (await createKey(tx, by, { ...json, scopes })).key)
  }
  const statusOf = async (key: string, path: string): Promise<number> =>
    (await rest.call('GET', path, { token: key })).status
  return { hub, rest, contactId, deal, stageId, make, keyWith, statusOf }
}

test('[PPL7] a key reads of the story of a contact what its scopes let it read elsewhere, each source by its own', async () => {
  const { hub, rest, contactId, keyWith, statusOf } = await begin()
  await using _ = hub
  const story = async (key: string, more = ''): Promise<string[]> => {
    const path = `/admin/contacts/${contactId}/timeline?limit=100${more}`
    const { status, body, text } = await rest.call<{ data: TimelineItem[] }>('GET', path, { token: key })
    expect(status, text).toBe(200)
    return body.data.map((item) => (item.kind === 'note' ? `note ${item.note.body}` : item.kind)).toSorted()
  }
  const always = ['edit', 'note on contact']
  const adds: Partial<Record<Action, string[]>> = {
    'activity.read': ['activity'],
    'deal.read': ['stage_change', 'note on deal'],
    'conversation.read': ['message', 'note on talk'],
  }
  for (const scope of actions) {
    const key = await keyWith('record.read', scope)
    expect(await story(key), scope).toEqual([...always, ...(adds[scope] ?? [])].toSorted())
  }
  const whole = [...always, ...Object.values(adds).flat()].toSorted()
  expect(await story(await keyWith())).toEqual(whole)
  const alone = await keyWith('record.read')
  for (const kind of ['activity', 'stage_change', 'message'])
    expect(await story(alone, `&kind=${kind}`), kind).toEqual([])
  expect(await statusOf(alone, '/admin/activities')).toBe(403)
  expect(await statusOf(await keyWith('activity.read'), `/admin/contacts/${contactId}/timeline`)).toBe(403)
})

test('[RGT4] a key finds and includes only kinds that its scopes let it read', async () => {
  const { hub, keyWith, statusOf } = await begin()
  await using _ = hub
  const search = async (key: string) =>
    Promise.all(
      ['contacts', 'customers', 'deals', 'messages'].map((kind) =>
        statusOf(key, `/api/v1/search?kind=${kind}&q=zebra`),
      ),
    )
  expect(await search(await keyWith('record.read'))).toEqual([200, 200, 403, 403])
  expect(await search(await keyWith('record.read', 'deal.read'))).toEqual([200, 200, 200, 403])
  expect(await search(await keyWith('conversation.read'))).toEqual([403, 403, 403, 200])
  const rights = { deal: 'deal.read', contact: 'record.read', conversation: 'conversation.read' } as const
  for (const [name, right] of Object.entries(rights)) {
    const path = `/admin/activities?include=${name}`
    expect(await statusOf(await keyWith('activity.read'), path), name).toBe(403)
    expect(await statusOf(await keyWith('activity.read', right), path), name).toBe(200)
  }
})

test('[DEAL5] a key that may write deals and not read them puts one beside another', async () => {
  const { hub, rest, deal, stageId, make, keyWith } = await begin()
  await using _ = hub
  const other = await make<DealView>('deals', { title: 'other', stageId })
  const move = (token: string) =>
    rest.call<{ data: DealView }>('POST', `/admin/deals/${other.id}/move`, {
      token,
      json: { stageId, before: deal.id },
    })
  expect((await move(await keyWith('deal.read'))).status).toBe(403)
  const moved = await move(await keyWith('deal.write'))
  expect(moved.status, moved.text).toBe(200)
  expect(moved.body.data.position < deal.position).toBe(true)
})
