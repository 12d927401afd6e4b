import { expect, test } from 'vitest'
import type { NoteView } from '../../src/contract/conversation.ts'
import { noteView } from '../../src/contract/conversation.ts'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import { buildConversation } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type Desk, openDesk } from './desk.ts'

const idOf = (desk: Desk) => (desk.actor as { id: string }).id
const bodies = async (desk: Desk, query = '') =>
  (await desk.get<{ data: NoteView[] }>(`notes?${query}`)).data.map(({ body }) => body)
const write = (desk: Desk, body: object) => desk.make<NoteView>('notes', body)

async function heard(desk: Desk): Promise<string[]> {
  const page = await desk.api.get<{ data: AnyLogEvent[] }>(desk.token, '/events?after=1:0&limit=500')
  return page.data.flatMap((event) =>
    event.type === 'note.added' || event.type === 'note.edited'
      ? [`${event.type} ${event.data.note.body}`]
      : [],
  )
}

async function talk(hub: Hub): Promise<string> {
  const channel = await hub.addChannel({ provider: 'fake', settings: {}, secrets: {}, externalId: 'n1' })
  return (await buildConversation(hub, channel.id)).id
}

test('[NOTE1] a note is about exactly one thing that is there, has its author, and stays where it was written', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const customer = await desk.make<{ id: number }>('customers', { name: 'Acme' })
  const contact = await desk.make<{ id: number }>('contacts', { firstName: 'Ana' })
  const made = await expectReplayEqualsSnapshot(hub, () =>
    write(desk, { body: ' call them ', customerId: customer.id, mentions: [idOf(desk), idOf(desk)] }),
  )
  noteView.parse(made)
  expect(made).toMatchObject({
    body: ' call them ',
    authorId: idOf(desk),
    mentions: [idOf(desk)],
    pinned: false,
    customerId: customer.id,
    contactId: null,
  })
  const path = `notes/${made.id}`
  const edit = (body: object) =>
    expectReplayEqualsSnapshot(hub, () => desk.call<NoteView>('PATCH', path, body))
  expect((await edit({ pinned: true, body: 'called' })).body.data).toMatchObject({ pinned: true, version: 2 })
  await expectReplayEqualsSnapshot(hub, () => desk.call('PUT', path, { body: 'x', customerId: customer.id }))
  await expectReplayEqualsSnapshot(hub, () => desk.call('DELETE', path))
  expect(await bodies(desk)).toEqual([])
  await expectReplayEqualsSnapshot(hub, () => desk.call('POST', `${path}/restore`))
  const pointers = async (method: string, at: string, body: object) => {
    const answer = await desk.call(method, at, body)
    expect(answer.status).toBe(400)
    return (answer.body as unknown as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer)
  }
  const stranger = '01a1fcee-c940-7000-9cf0-c2319d33019a'
  expect(await pointers('POST', 'notes', { body: ' ', customerId: customer.id })).toEqual(['/body'])
  expect(await pointers('POST', 'notes', { body: 'x' })).toHaveLength(1)
  expect(
    await pointers('POST', 'notes', { body: 'x', customerId: customer.id, contactId: contact.id }),
  ).toHaveLength(1)
  expect(await pointers('POST', 'notes', { body: 'x', dealId: 77 })).toEqual(['/dealId'])
  expect(await pointers('POST', 'notes', { body: 'x', contactId: contact.id, mentions: [stranger] })).toEqual(
    ['/mentions/0'],
  )
  expect(await pointers('PUT', path, { body: 'x', contactId: contact.id })).toEqual([
    '/customerId',
    '/contactId',
  ])
  expect(await pointers('PATCH', path, { authorId: stranger })).toEqual(['/authorId'])
})

test('[NOTE2] its author and managers change and delete a note, others read it, viewers too', async () => {
  await using hub = await startHub()
  const ana = await openDesk(hub, { sub: 'ana' })
  const ben = await openDesk(hub, { sub: 'ben' }, ana.api)
  const boss = await openDesk(hub, { role: 'manager' }, ana.api)
  const viewer = await openDesk(hub, { role: 'viewer' }, ana.api)
  const customer = await ana.make<{ id: number }>('customers', { name: 'Acme' })
  const note = await write(ana, { body: 'mine', customerId: customer.id })
  const path = `notes/${note.id}`
  for (const desk of [ben, viewer]) {
    expect((await desk.call('GET', path)).status).toBe(200)
    expect((await desk.call('PATCH', path, { body: 'x' })).status).toBe(403)
    expect((await desk.call('DELETE', path)).status).toBe(403)
  }
  expect((await viewer.call('POST', 'notes', { body: 'x', customerId: customer.id })).status).toBe(403)
  expect((await ana.call('PATCH', path, { body: 'still mine' })).status).toBe(200)
  expect((await boss.call<NoteView>('PATCH', path, { body: 'ours' })).body.data.authorId).toBe(idOf(ana))
  expect((await boss.call('DELETE', path)).status).toBe(204)
  const other = await hub.addTenant()
  const stranger = await openDesk(hub, { role: 'admin', tenant: other.slug }, ana.api)
  expect(await bodies(stranger, 'deleted=with')).toEqual([])
  expect((await stranger.call('GET', path)).status).toBe(404)
  expect((await stranger.call('POST', `${path}/restore`)).status).toBe(404)
})

test('[NOTE3] notes of a conversation or a deal are for those who see it, in lists, alone, and as events', async () => {
  await using hub = await startHub()
  const ana = await openDesk(hub, { sub: 'ana' })
  const ben = await openDesk(hub, { sub: 'ben' }, ana.api)
  const boss = await openDesk(hub, { role: 'manager' }, ana.api)
  const conversationId = await talk(hub)
  await assignConversation(hub.deps, boss.actor, { conversationId, userId: idOf(ana) })
  const stages = await boss.get<{ data: { id: number }[] }>('pipeline-stages')
  const deal = await ana.make<{ id: number }>('deals', {
    title: 'Big',
    stageId: stages.data[0]?.id,
    ownerId: idOf(ana),
  })
  const spoken = await expectReplayEqualsSnapshot(hub, () => write(ana, { body: 'talk', conversationId }))
  const sold = await expectReplayEqualsSnapshot(hub, () => write(ana, { body: 'deal', dealId: deal.id }))
  await expectReplayEqualsSnapshot(hub, () => ana.call('PATCH', `notes/${spoken.id}`, { body: 'talked' }))
  expect(await bodies(ana)).toEqual(['deal', 'talked'])
  expect(await bodies(boss)).toEqual(['deal', 'talked'])
  expect(await bodies(ben)).toEqual([])
  expect(await heard(ana)).toEqual(['note.added talk', 'note.added deal', 'note.edited talked'])
  expect(await heard(ben)).toEqual([])
  for (const { id } of [spoken, sold])
    for (const method of ['GET', 'DELETE'] as const)
      expect((await ben.call(method, `notes/${id}`)).status).toBe(404)
  for (const about of [{ conversationId }, { dealId: deal.id }])
    expect((await ben.call('POST', 'notes', { body: 'x', ...about })).status).toBe(400)
  await boss.call('PATCH', `deals/${deal.id}`, { ownerId: idOf(ben) })
  expect([await bodies(ana), await bodies(ben)]).toEqual([['talked'], ['deal']])
  expect((await ana.call('PATCH', `notes/${sold.id}`, { body: 'x' })).status).toBe(404)
  await expectReplayEqualsSnapshot(hub, () => boss.call('DELETE', `notes/${spoken.id}`))
  await expectReplayEqualsSnapshot(hub, () => boss.call('POST', `notes/${spoken.id}/restore`))
})

test('[NOTE3] notes are found by what they are about, who wrote or is mentioned, and what stands in them', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const boss = await openDesk(hub, { role: 'manager' }, desk.api)
  const customer = await desk.make<{ id: number }>('customers', { name: 'Acme' })
  const contact = await desk.make<{ id: number }>('contacts', { firstName: 'Ana' })
  await write(desk, { body: 'Été', customerId: customer.id, pinned: true })
  await write(boss, { body: 'winter', contactId: contact.id, mentions: [idOf(desk)] })
  for (const query of ['q=ete', `customerId=${customer.id}`, 'pinned=true', 'authorId=me'])
    expect(await bodies(desk, query), query).toEqual(['Été'])
  for (const query of [`contactId=${contact.id}`, 'pinned=false', 'mentions=me', `authorId=${idOf(boss)}`])
    expect(await bodies(desk, query), query).toEqual(['winter'])
})
