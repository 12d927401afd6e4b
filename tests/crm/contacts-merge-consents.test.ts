import { expect, test } from 'vitest'
import type { ContactView } from '../../src/contract/records.ts'
import type { ContactMergeView } from '../../src/contract/rest/contacts.ts'
import type { Actor } from '../../src/auth/actor.ts'
import { recordConsents } from '../../src/domain/contacts/record-consents.ts'
import { resolvePeople } from '../../src/domain/contacts/resolve-people.ts'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber, type TestNumber } from '../harness/number.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type Desk, openDesk } from './desk.ts'

/** Somebody says yes or no to marketing, through the network. */
function says(hub: Hub, contactId: number, secondsAgo: number, granted: boolean) {
  const person = { identities: [] }
  const at = new Date(Math.floor(Date.now() / 1000 - secondsAgo) * 1000)
  const word = { kind: 'consent', at, person, category: 'marketing', granted, detail: null } as const
  return inTenant(hub.deps, hub.tenant.id, (tx) => recordConsents(tx, [word], () => contactId))
}

async function state(hub: Hub, contactId: number) {
  return readTenant(hub.deps, hub.tenant.id, async (query) => {
    const [contact] = await query<{ marketing: string | null; marketing_at: string | null }>(
      'select marketing, marketing_at from contacts where id = $1',
      [contactId],
    )
    const words = await query<{ granted: boolean }>(
      'select granted from consents where contact_id = $1 order by occurred_at',
      [contactId],
    )
    return { ...contact, words: words.map(({ granted }) => granted) }
  })
}

const merge = async (desk: Desk, id: number, otherId: number) => {
  const answer = await desk.call<ContactView>('POST', `contacts/${id}/merge`, { otherId })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return (answer.body as unknown as { merge: ContactMergeView }).merge
}
const undo = async (desk: Desk, { id }: ContactMergeView) => {
  const answer = await desk.call<ContactView>('POST', `contacts/merges/${id}/undo`)
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
}

/** How a marketing template to a conversation is answered. */
async function advertise(hub: Hub, actor: Actor, conversationId: string): Promise<string> {
  const template = { name: 'offer', language: 'en_US' }
  const message = { conversationId, clientMessageId: uuidv7(), type: 'template', template } as never
  return sendMessage(hub.deps, actor, message).then(
    (sent) => sent.message.status,
    (error: { code: string }) => error.code,
  )
}

async function openNumber(hub: Hub): Promise<TestNumber> {
  const number = await connectNumber(hub)
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query(
      `insert into templates (tenant_id, id, channel_id, provider_template_id, name, language, status, category)
       values ($1, $2, $3, 'offer', 'offer', 'en_US', 'APPROVED', 'MARKETING')`,
      [hub.tenant.id, uuidv7(), number.channelId],
    ),
  )
  return number
}

test('[PPL8] who opted out stays so when the contact goes into another: the send gate refuses, and undoing gives all back', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const number = await openNumber(hub)
  const [one, other] = [await number.conversation(), await number.conversation()]
  await says(hub, one.contactId, 50, true)
  await says(hub, other.contactId, 100, true)
  await says(hub, other.contactId, 90, false)
  const before = [await state(hub, one.contactId), await state(hub, other.contactId)]
  expect(await advertise(hub, desk.actor, one.id)).toBe('queued')
  const merged = await expectReplayEqualsSnapshot(hub, () => merge(desk, one.contactId, other.contactId))
  expect(await state(hub, one.contactId)).toEqual({
    marketing: 'denied',
    marketing_at: before[0]?.marketing_at,
    words: [true, false, true],
  })
  expect((await state(hub, other.contactId)).words).toEqual([])
  expect(await advertise(hub, desk.actor, one.id)).toBe('consent_denied')
  await expectReplayEqualsSnapshot(hub, () => undo(desk, merged))
  expect([await state(hub, one.contactId), await state(hub, other.contactId)]).toEqual(before)
  expect(await advertise(hub, desk.actor, one.id)).toBe('queued')
  expect(await advertise(hub, desk.actor, other.id)).toBe('consent_denied')
})

test('[PPL8] what was said while two contacts were one: a no counts for both, a yes for the one that went on', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const number = await openNumber(hub)
  const [one, other] = [await number.conversation(), await number.conversation()]
  await says(hub, other.contactId, 90, true)
  const first = await merge(desk, one.contactId, other.contactId)
  await says(hub, one.contactId, 0, true)
  await undo(desk, first)
  expect(await state(hub, one.contactId)).toMatchObject({ marketing: 'granted', words: [true] })
  expect(await state(hub, other.contactId)).toMatchObject({ marketing: 'granted', words: [true] })
  const second = await merge(desk, one.contactId, other.contactId)
  await says(hub, one.contactId, -1, false)
  await expectReplayEqualsSnapshot(hub, () => undo(desk, second))
  expect(await state(hub, one.contactId)).toMatchObject({ marketing: 'denied', words: [true, false] })
  expect(await state(hub, other.contactId)).toMatchObject({ marketing: 'denied', words: [true, false] })
  for (const { id } of [one, other]) expect(await advertise(hub, desk.actor, id)).toBe('consent_denied')
})

test('[PPL8] the same word of both is in the ledger once, and each has its own again afterwards', async () => {
  await using hub = await startHub()
  const desk = await openDesk(hub)
  const number = await openNumber(hub)
  const [one, other] = [await number.conversation(), await number.conversation()]
  await says(hub, one.contactId, 60, false)
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query(
      `insert into consents (tenant_id, id, contact_id, category, granted, source, occurred_at)
       select tenant_id, $2, $3, category, granted, source, occurred_at from consents where tenant_id = $1`,
      [hub.tenant.id, uuidv7(), other.contactId],
    ),
  )
  const merged = await merge(desk, one.contactId, other.contactId)
  expect((await state(hub, one.contactId)).words).toEqual([false])
  await undo(desk, merged)
  expect((await state(hub, one.contactId)).words).toEqual([false])
  expect((await state(hub, other.contactId)).words).toEqual([false])
})

test('[PPL8] the ledger goes along too when the network finds that two contacts are one person', async () => {
  await using hub = await startHub()
  const [one, other] = await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    const people = ['4917155501', '4917155502'].map((value) => ({
      person: { identities: [{ kind: 'wa_id' as const, value }] },
      create: true,
    }))
    const found = await resolvePeople(tx, people)
    return people.map(({ person }) => found(person) ?? 0) as [number, number]
  })
  await says(hub, other, 60, false)
  const both = {
    identities: [
      { kind: 'wa_id' as const, value: '4917155501' },
      { kind: 'wa_id' as const, value: '4917155502' },
    ],
  }
  await inTenant(hub.deps, hub.tenant.id, (tx) => resolvePeople(tx, [{ person: both, create: true }]))
  expect(await state(hub, one)).toMatchObject({ marketing: 'denied', words: [false] })
  expect((await state(hub, other)).words).toEqual([])
})
