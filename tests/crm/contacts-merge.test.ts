import { describe, expect, test } from 'vitest'
import type { ActivityView } from '../../src/contract/crm/activity.ts'
import type { ConversationView, NoteView } from '../../src/contract/conversation.ts'
import type { ContactView } from '../../src/contract/records.ts'
import { type ContactMergeView, contactMergeView } from '../../src/contract/rest/contacts.ts'
import { mergePlan, unmergePlan } from '../../src/domain/contacts/merge-plan.ts'
import { resolvePeople } from '../../src/domain/contacts/resolve-people.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildConversation, customerWrites } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type Desk, openDesk } from './desk.ts'

interface MergeAnswer {
  data: ContactView
  merge: ContactMergeView
}

const read = async (desk: Desk, id: number) => (await desk.get<{ data: ContactView }>(`contacts/${id}`)).data
const merge = (desk: Desk, id: number, otherId: number) =>
  desk.call<ContactView>('POST', `contacts/${id}/merge`, { otherId })
const undo = (desk: Desk, mergeId: string) =>
  desk.call<ContactView>('POST', `contacts/merges/${mergeId}/undo`)
const mergeOf = (answer: { body: unknown }) => (answer.body as MergeAnswer).merge

/** Everything about these contacts that people see, without the marks of change. */
async function world(desk: Desk, ids: readonly number[]) {
  const unmarked = <T extends object>(view: T) => ({ ...view, version: 0, updatedAt: '' })
  const lists = await Promise.all(
    ids.map(async (id) => ({
      contact: unmarked(await read(desk, id)),
      conversations: (
        await desk.api.get<{ data: ConversationView[] }>(desk.token, `/conversations?contact=${id}`)
      ).data.map(unmarked),
      notes: (await desk.get<{ data: NoteView[] }>(`notes?contactId=${id}`)).data.map(unmarked),
      deals: (await desk.get<{ data: ContactView[] }>(`deals?contactId=${id}`)).data.map(unmarked),
      activities: (await desk.get<{ data: ActivityView[] }>(`activities?contactId=${id}`)).data.map(unmarked),
    })),
  )
  return lists
}

/** Two contacts who talk on the same channel, one of them on a second one as well, each with everything hung on it. */
async function buildTwo(hub: Hub, desk: Desk) {
  const channel = async (externalId: string) =>
    (await hub.addChannel({ provider: 'fake', settings: {}, secrets: {}, externalId })).id
  const [both, alone] = [await channel('m1'), await channel('m2')]
  const customer = await desk.make<{ id: number }>('customers', { name: 'Acme' })
  const stages = await desk.get<{ data: { id: number }[] }>('pipeline-stages')
  const make = async (body: object) => (await desk.make<ContactView>('contacts', body)).id
  const winner = await make({ firstName: 'Ana', email: 'ana@example.com', phone: '+4917155501' })
  const other = await make({
    firstName: 'Ana Maria',
    lastName: 'Lima',
    email: 'am@example.com',
    phone: '+4917155502',
    title: 'CEO',
    customerId: customer.id,
    isPrimary: true,
    blocked: true,
  })
  for (const contactId of [winner, other]) {
    const { id } = await buildConversation(hub, both, contactId)
    await customerWrites(hub, id, `hello of ${contactId}`)
    await desk.make('notes', { body: `about ${contactId}`, contactId })
    await desk.make('activities', { type: 'task', subject: `for ${contactId}`, contactId })
    await desk.make('deals', { title: `with ${contactId}`, stageId: stages.data[0]?.id, contactId })
  }
  await buildConversation(hub, alone, other)
  return { winner, other, customer: customer.id, both }
}

describe('merging contacts', () => {
  test('[PPL6] everything of the other goes on with the one, and a merge that is taken back leaves all as it was', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { winner, other, customer } = await buildTwo(hub, desk)
    const before = await world(desk, [winner, other])
    const merged = await expectReplayEqualsSnapshot(hub, () => merge(desk, winner, other))
    expect(merged.status, JSON.stringify(merged.body)).toBe(200)
    contactMergeView.parse(mergeOf(merged))
    // Undoing the merge is the way back; restoring the record would make a shell of somebody who lives on in another.
    expect(await desk.call('POST', `contacts/${other}/restore`)).toMatchObject({
      status: 409,
      body: { code: 'conflict', details: { mergeId: mergeOf(merged).id, contactId: winner } },
    })
    expect(merged.body.data).toMatchObject({
      id: winner,
      firstName: 'Ana',
      email: 'ana@example.com',
      phone: '+4917155501',
      title: 'CEO',
      customerId: customer,
      isPrimary: true,
      blocked: true,
      identities: [
        { kind: 'phone', value: '4917155501' },
        { kind: 'phone', value: '4917155502' },
      ],
    })
    const [one, gone] = await world(desk, [winner, other])
    expect(one?.conversations.map(({ status }) => status).toSorted()).toEqual(['open', 'open', 'resolved'])
    expect([one?.notes.length, one?.deals.length, one?.activities.length]).toEqual([2, 2, 2])
    expect(gone).toMatchObject({ conversations: [], notes: [], deals: [], activities: [] })
    expect(gone?.contact.deletedAt).not.toBeNull()
    const back = await expectReplayEqualsSnapshot(hub, () => undo(desk, mergeOf(merged).id))
    expect(back.status, JSON.stringify(back.body)).toBe(200)
    expect(await world(desk, [winner, other])).toEqual(before)
    expect(await undo(desk, mergeOf(merged).id)).toMatchObject({ status: 409 })
    const again = await merge(desk, winner, other)
    await undo(desk, mergeOf(again).id)
    expect(await world(desk, [winner, other])).toEqual(before)
  })

  test('[PPL6] what came after the merge stays; the other person is found at the one meanwhile', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { winner, other, both } = await buildTwo(hub, desk)
    const { id: mergeId } = mergeOf(await merge(desk, winner, other))
    const person = { identities: [{ kind: 'wa_id' as const, value: '4917155502' }] }
    const found = await inTenant(hub.deps, hub.tenant.id, async (tx) =>
      (await resolvePeople(tx, [{ person, create: true }]))(person),
    )
    expect(found).toBe(winner)
    await desk.call('PATCH', `contacts/${winner}`, { title: 'Boss' })
    const note = await desk.make<NoteView>('notes', { body: 'since', contactId: winner })
    const ended = (await world(desk, [winner]))[0]?.conversations.find(({ status }) => status === 'resolved')
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(`update conversations set version = version + 1, labels = '{x}' where id = $1`, [ended?.id]),
    )
    await expectReplayEqualsSnapshot(hub, () => undo(desk, mergeId))
    const [one, two] = await world(desk, [winner, other])
    expect(one?.contact).toMatchObject({ title: 'Boss', customerId: null })
    expect(one?.notes.map(({ id }) => id)).toContain(note.id)
    expect(two?.contact).toMatchObject({ title: 'CEO', deletedAt: null })
    expect(two?.conversations.find(({ channelId }) => channelId === both)?.status).toBe('resolved')
  })

  test('[PPL6] merges that build on each other are taken back last first; what cannot be merged is refused', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const make = async (firstName: string, more: object = {}) =>
      (await desk.make<ContactView>('contacts', { firstName, ...more })).id
    const [one, two, three] = [await make('1'), await make('2', { phone: '+4917155501' }), await make('3')]
    const first = mergeOf(await merge(desk, one, two))
    const second = mergeOf(await merge(desk, three, one))
    expect(await undo(desk, first.id)).toMatchObject({ status: 409, body: { details: { contactId: one } } })
    expect((await undo(desk, second.id)).status).toBe(200)
    expect((await undo(desk, first.id)).status).toBe(200)
    expect((await read(desk, two)).phone).toBe('+4917155501')
    for (const otherId of [one, 99, 0]) {
      const answer = await merge(desk, one, otherId)
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/otherId' }] } })
    }
    expect((await merge(desk, 99, one)).status).toBe(404)
    const viewer = await openDesk(hub, { role: 'viewer' }, desk.api)
    expect((await merge(viewer, one, two)).status).toBe(403)
    expect((await undo(viewer, first.id)).status).toBe(403)
    const tenant = (await hub.addTenant()).slug
    const stranger = await openDesk(hub, { role: 'admin', tenant }, desk.api)
    expect((await merge(stranger, one, two)).status).toBe(404)
    expect((await undo(stranger, first.id)).status).toBe(404)
  })

  test('[PPL6] of merges of the same people at once, in both directions, one happens', async () => {
    await using hub = await startHub()
    const desk = await openDesk(hub)
    const { winner, other } = await buildTwo(hub, desk)
    const tries = await Promise.all([
      merge(desk, winner, other),
      merge(desk, other, winner),
      merge(desk, winner, other),
    ])
    expect(tries.filter(({ status }) => status === 200)).toHaveLength(1)
    const done = tries.find(({ status }) => status === 200)
    const undone = await Promise.all([1, 2, 3].map(() => undo(desk, done ? mergeOf(done).id : '')))
    expect(undone.map(({ status }) => status).toSorted((one, two) => one - two)).toEqual([200, 409, 409])
  })
})

test('[PPL6] a contact takes over what it lacks, a name that somebody wrote, and a word about marketing', () => {
  const blank = {
    customer_id: null,
    first_name: '',
    last_name: null,
    name_edited: false,
    email: null,
    phone: null,
    title: null,
    is_primary: false,
    language: null,
    timezone: null,
    blocked: false,
    marketing: null,
    marketing_at: null,
    custom_fields: {},
  }
  const written = { ...blank, first_name: 'Ana', name_edited: true }
  const told = { ...blank, first_name: 'ana_x' }
  expect(mergePlan(told, written)).toEqual({ first_name: 'Ana', name_edited: true })
  expect(mergePlan(written, told)).toEqual({})
  const yes = { ...blank, marketing: 'granted' as const, marketing_at: '2026-01-01T00:00:00.000Z' }
  const no = { ...blank, marketing: 'denied' as const, marketing_at: '2026-01-02T00:00:00.000Z' }
  expect(mergePlan(yes, no)).toEqual({ marketing: 'denied', marketing_at: no.marketing_at })
  expect(mergePlan(no, yes)).toEqual({})
  // A "no" of either stays, and only what is newer than both words counts against it.
  const later = { ...yes, marketing_at: '2026-01-03T00:00:00.000Z' }
  expect(mergePlan(no, later)).toEqual({ marketing: 'denied', marketing_at: later.marketing_at })
  expect(mergePlan(later, no)).toEqual({ marketing: 'denied', marketing_at: later.marketing_at })
  expect(mergePlan(yes, later)).toEqual({ marketing: 'granted', marketing_at: later.marketing_at })
  expect(mergePlan(blank, later)).toEqual({ marketing: 'granted', marketing_at: later.marketing_at })
  const refused = mergePlan(later, no)
  const undone = { before: { marketing: later.marketing, marketing_at: later.marketing_at }, after: refused }
  expect(unmergePlan({ ...later, ...refused }, undone)).toEqual(undone.before)
  const again = { ...later, marketing: 'denied' as const, marketing_at: '2026-01-04T00:00:00.000Z' }
  expect(unmergePlan(again, undone)).toEqual({})
  const big = { ...blank, custom_fields: { plan: 'pro', size: 2 } }
  const small = { ...blank, custom_fields: { size: 1 } }
  expect(mergePlan(small, big)).toEqual({ custom_fields: { plan: 'pro', size: 1 } })
  expect(mergePlan(big, small)).toEqual({})
  const plan = mergePlan(blank, { ...written, title: 'CEO' })
  const now = { ...blank, ...plan, title: 'Boss' }
  expect(
    unmergePlan(now, { before: { title: null, first_name: '', name_edited: false }, after: plan }),
  ).toEqual({
    first_name: '',
    name_edited: false,
  })
})
