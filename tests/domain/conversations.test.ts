import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Failure, type ErrorCode } from '../../src/contract/errors.ts'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import { claimConversation } from '../../src/domain/conversations/claim-conversation.ts'
import { labelConversation } from '../../src/domain/conversations/label-conversation.ts'
import { openConversations } from '../../src/domain/conversations/open-conversation.ts'
import { readConversation } from '../../src/domain/conversations/read-conversation.ts'
import { setConversationStatus } from '../../src/domain/conversations/set-conversation-status.ts'
import { snoozeConversation } from '../../src/domain/conversations/snooze-conversation.ts'
import { wakeSnoozed } from '../../src/domain/conversations/wake-snoozed.ts'
import { addNote } from '../../src/domain/notes/add-note.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type Api, startApi } from '../harness/api.ts'
import {
  buildChannel,
  buildContact,
  buildConversation,
  buildTeam,
  customerWrites,
  type SignedIn,
} from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot, threeWatchers, type Watcher } from '../harness/replay.ts'

let hub: Hub
let api: Api
let channelId: string
let teamId: string
let [ana, ben, max, vera] = [] as unknown as [SignedIn, SignedIn, SignedIn, SignedIn]
let watchers: Watcher[]

beforeAll(async () => {
  hub = await startHub()
  api = await startApi(hub)
  channelId = await buildChannel(hub)
  const member = await hub.signIn('agent', { sub: 'ana', name: 'Ana' })
  teamId = await buildTeam(hub, [member])
  ana = await hub.signIn('agent', { sub: 'ana', name: 'Ana' })
  ben = await hub.signIn('agent', { sub: 'ben', name: 'Ben' })
  max = await hub.signIn('manager', { sub: 'max', name: 'Max' })
  vera = await hub.signIn('viewer', { sub: 'vera', name: 'Vera' })
  const inside = [ana, ben].map(({ actor, token }) => ({ name: actor.name, token }))
  watchers = [...(await threeWatchers(hub)), ...inside]
})
afterAll(() => hub[Symbol.asyncDispose]())

/** Does something that must leave every watcher with what a fresh snapshot holds. */
const watched = <T>(act: () => Promise<T>): Promise<T> =>
  expectReplayEqualsSnapshot(hub, act, { watchers, api })

const refusal = (code: ErrorCode, details: object = {}) =>
  expect.objectContaining({ code, details: expect.objectContaining(details) })

async function expectQuiet<T>(act: () => Promise<T>): Promise<T> {
  const before = await readHead(hub.deps, hub.tenant.id)
  const result = await act()
  expect(await readHead(hub.deps, hub.tenant.id)).toEqual(before)
  return result
}

async function auditOf(
  entityId: string | number,
): Promise<{ action: string; actor: { id: string }; request_id: string }[]> {
  return inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query(
      'select action, actor, request_id from audit_logs where tenant_id = $1 and entity_id = $2 order by id',
      [tx.tenantId, String(entityId)],
    ),
  )
}

describe('opening', () => {
  const open = (contactIds: readonly number[], more: { reopenHours?: number; wake?: boolean } = {}) =>
    inTenant(hub.deps, hub.tenant.id, (tx) =>
      openConversations(tx, { channelId, contactIds, reopenHours: 168, wake: true, ...more }),
    )
  const age = (id: string, hours: number) =>
    inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(`update conversations set resolved_at = now() - make_interval(hours => $2) where id = $1`, [
        id,
        hours,
      ]),
    )

  test('[CON1] many at once get numbers without gaps, and each is announced', async () => {
    const contacts = await Promise.all([1, 2, 3].map(() => buildContact(hub)))
    const rows = await watched(() => open([...contacts, contacts[0] as number]))
    const numbers = [...rows.values()].map((row) => row.number).sort((a, b) => a - b)
    expect(rows.size).toBe(3)
    expect(numbers).toEqual([0, 1, 2].map((step) => (numbers[0] as number) + step))
    const again = await expectQuiet(() => open(contacts))
    expect([...again.values()].map((row) => row.id).sort()).toEqual(
      [...rows.values()].map((row) => row.id).sort(),
    )
  })

  test('[CON2] racing openers and reopeners of one contact end with one live conversation', async () => {
    const { id, contactId } = await buildConversation(hub, channelId)
    for (let round = 0; round < 5; round++) {
      await setConversationStatus(hub.deps, max.actor, { conversationId: id, status: 'resolved' }).catch(
        () => {},
      )
      const results = await Promise.allSettled([
        open([contactId], { reopenHours: 0 }),
        open([contactId]),
        setConversationStatus(hub.deps, max.actor, { conversationId: id, status: 'open' }),
        open([contactId]),
      ])
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toEqual(refusal('conflict'))
      const live = await inTenant(hub.deps, hub.tenant.id, (tx) =>
        tx.query(`select id from conversations where contact_id = $1 and status <> 'resolved'`, [contactId]),
      )
      expect(live).toHaveLength(1)
    }
  })

  test('[CON4] a customer who writes within the time gets the resolved conversation back, later a new one', async () => {
    const { id, contactId } = await buildConversation(hub, channelId)
    await setConversationStatus(hub.deps, max.actor, { conversationId: id, status: 'resolved' })
    await age(id, 167)
    const back = await watched(() => open([contactId]))
    expect(back.get(contactId)).toMatchObject({ id, status: 'open', resolved_at: null, version: 3 })
    await setConversationStatus(hub.deps, max.actor, { conversationId: id, status: 'resolved' })
    await age(id, 169)
    const fresh = await watched(() => open([contactId]))
    expect(fresh.get(contactId)?.id).not.toBe(id)
  })

  test('[CON4] a customer wakes a snoozed conversation, one of us does not', async () => {
    const { id, contactId } = await buildConversation(hub, channelId)
    const snoozedUntil = new Date(Date.now() + 3_600_000).toISOString()
    await snoozeConversation(hub.deps, max.actor, { conversationId: id, snoozedUntil })
    const asleep = await expectQuiet(() => open([contactId], { wake: false }))
    expect(asleep.get(contactId)?.status).toBe('snoozed')
    const awake = await watched(() => open([contactId]))
    expect(awake.get(contactId)).toMatchObject({ id, status: 'open', snoozed_until: null })
  })
})

describe('claiming and assigning', () => {
  test('[CON3] of many who claim at once one wins, and the others are told who', async () => {
    const { id } = await buildConversation(hub, channelId)
    const agents = await Promise.all(
      Array.from({ length: 6 }, (_, n) => hub.signIn('agent', { sub: `racer-${n}`, name: `Racer ${n}` })),
    )
    const results = await watched(() =>
      Promise.allSettled(
        agents.map(({ actor }) => claimConversation(hub.deps, actor, { conversationId: id })),
      ),
    )
    const won = results.findIndex((result) => result.status === 'fulfilled')
    const winner = agents[won]?.actor
    for (const [at, result] of results.entries()) {
      if (at === won)
        expect(result).toMatchObject({
          value: { assignee: { id: winner?.id, name: winner?.name }, version: 2 },
        })
      else
        expect(result).toMatchObject({
          reason: refusal('already_claimed', { owner: { id: winner?.id, name: winner?.name } }),
        })
    }
    expect((await auditOf(id)).map((row) => row.action)).toEqual(['conversation.claim'])
  })

  test('[CON3] claiming again is no change; a resolved one, a viewer, a key and another tenant are refused', async () => {
    const { id } = await buildConversation(hub, channelId)
    const claim = (actor: SignedIn['actor']) => claimConversation(hub.deps, actor, { conversationId: id })
    await watched(() => claim(ana.actor))
    const again = await expectQuiet(() => claim(ana.actor))
    expect(again.assignee?.id).toBe(ana.actor.id)
    await expect(claim(vera.actor)).rejects.toEqual(refusal('forbidden'))
    await expect(claim({ ...max.actor, kind: 'key', scopes: [], ratePerMinute: null })).rejects.toEqual(
      refusal('forbidden'),
    )
    const elsewhere = await hub.addTenant()
    const stranger = await hub.signIn('admin', { tenant: elsewhere.slug })
    await expect(claim(stranger.actor)).rejects.toEqual(refusal('not_found'))
    await setConversationStatus(hub.deps, ana.actor, { conversationId: id, status: 'resolved' })
    await assignConversation(hub.deps, max.actor, { conversationId: id, userId: null })
    await expect(claim(ana.actor)).rejects.toEqual(refusal('conversation_closed'))
  })

  test('[CON5] handing over takes it out of the sight of whoever may not see it now, and brings it back', async () => {
    const { id } = await buildConversation(hub, channelId)
    await customerWrites(hub, id, 'hello')
    const assign = (to: { userId?: string | null; teamId?: string | null }) =>
      watched(() => assignConversation(hub.deps, max.actor, { conversationId: id, ...to }))
    const sees = async (who: SignedIn) => (await api.call(who.token, 'GET', `/conversations/${id}`)).status
    await assign({ userId: ben.actor.id })
    expect([await sees(ana), await sees(ben), await sees(vera)]).toEqual([404, 200, 200])
    await assign({ teamId })
    expect([await sees(ana), await sees(ben)]).toEqual([200, 200])
    await assign({ userId: null })
    expect([await sees(ana), await sees(ben)]).toEqual([200, 404])
    const free = await assign({ teamId: null })
    expect([await sees(ana), await sees(ben)]).toEqual([200, 200])
    expect(free).toMatchObject({ assignee: null, team: null, version: 6 })
    await expectQuiet(() => assignConversation(hub.deps, max.actor, { conversationId: id, userId: null }))
  })

  test('[CON5] only active people and teams that exist are handed work', async () => {
    const { id } = await buildConversation(hub, channelId)
    const gone = await hub.signIn('agent', { sub: 'gone' })
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(`update users set status = 'disabled' where id = $1`, [gone.actor.id]),
    )
    const assign = (to: object) => assignConversation(hub.deps, max.actor, { conversationId: id, ...to })
    for (const userId of [gone.actor.id, uuidv7()])
      await expect(assign({ userId })).rejects.toEqual(
        refusal('validation_failed', { errors: [expect.objectContaining({ pointer: '/userId' })] }),
      )
    await expect(assign({ teamId: uuidv7() })).rejects.toEqual(
      refusal('validation_failed', { errors: [expect.objectContaining({ pointer: '/teamId' })] }),
    )
    await expect(
      assignConversation(hub.deps, vera.actor, { conversationId: id, userId: ana.actor.id }),
    ).rejects.toEqual(refusal('forbidden'))
  })
})

describe('status and sleep', () => {
  test('[CON6] resolving, reopening and parking are seen by all, and once', async () => {
    const { id, contactId } = await buildConversation(hub, channelId)
    await customerWrites(hub, id, 'hello')
    const set = (status: 'open' | 'pending' | 'resolved') =>
      setConversationStatus(hub.deps, ana.actor, { conversationId: id, status })
    expect(await watched(() => set('resolved'))).toMatchObject({ status: 'resolved', waitingSince: null })
    await expectQuiet(() => set('resolved'))
    expect(await watched(() => set('pending'))).toMatchObject({ status: 'pending' })
    await set('resolved')
    const other = await buildConversation(hub, channelId, contactId)
    await expect(set('open')).rejects.toEqual(refusal('conflict', { conversationId: other.id }))
  })

  test('[CON6] a sleep must end in the future and is not for the resolved', async () => {
    const { id } = await buildConversation(hub, channelId)
    const snooze = (inMs: number) =>
      snoozeConversation(hub.deps, ana.actor, {
        conversationId: id,
        snoozedUntil: new Date(Date.now() + inMs).toISOString(),
      })
    await expect(snooze(-1)).rejects.toEqual(refusal('validation_failed'))
    expect(await watched(() => snooze(60_000))).toMatchObject({ status: 'snoozed' })
    await setConversationStatus(hub.deps, ana.actor, { conversationId: id, status: 'resolved' })
    await expect(snooze(60_000)).rejects.toEqual(refusal('conversation_closed'))
  })

  test('[CON7] sleeps that are over end once, whoever looks, and no others', async () => {
    const [due, later] = [await buildConversation(hub, channelId), await buildConversation(hub, channelId)]
    const snoozedUntil = new Date(Date.now() + 3_600_000).toISOString()
    for (const { id } of [due, later])
      await snoozeConversation(hub.deps, ana.actor, { conversationId: id, snoozedUntil })
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(`update conversations set snoozed_until = now() - interval '1 second' where id = $1`, [
        due.id,
      ]),
    )
    const woken = await watched(() =>
      Promise.all([1, 2, 3].map(() => wakeSnoozed(hub.deps, { atMost: 100 }))),
    )
    expect(woken.reduce((sum, one) => sum + one)).toBe(1)
    const read = async (id: string) =>
      (await api.get<{ data: { status: string } }>(max.token, `/conversations/${id}`)).data.status
    expect([await read(due.id), await read(later.id)]).toEqual(['open', 'snoozed'])
  })
})

describe('labels, marks and notes', () => {
  test('[CON8] labels come and go, keep their order, and have a limit', async () => {
    const { id } = await buildConversation(hub, channelId)
    const label = (change: { add?: string[]; remove?: string[] }) =>
      labelConversation(hub.deps, ana.actor, { conversationId: id, ...change })
    expect((await watched(() => label({ add: ['vip', ' late ', 'vip'] }))).labels).toEqual(['vip', 'late'])
    expect((await watched(() => label({ add: ['new'], remove: ['vip'] }))).labels).toEqual(['late', 'new'])
    await expectQuiet(() => label({ add: ['late'], remove: ['unknown'] }))
    const most = hub.config.CONVERSATION_LABELS
    const many = Array.from({ length: most - 2 }, (_, n) => `label ${n}`)
    expect((await label({ add: many })).labels).toHaveLength(most)
    await expect(label({ add: ['one more'] })).rejects.toEqual(refusal('validation_failed'))
    await expect(label({ add: ['  '], remove: ['late'] })).rejects.toEqual(refusal('validation_failed'))
  })

  test('[CON9] what is read only grows, never past the newest, and the unread are counted anew', async () => {
    const { id } = await buildConversation(hub, channelId)
    for (const text of ['one', 'two', 'three']) await watched(() => customerWrites(hub, id, text))
    const read = (seq: number, who = ana) =>
      readConversation(hub.deps, who.actor, { conversationId: id, seq })
    expect(await watched(() => read(2))).toMatchObject({ readSeq: 2, unreadCount: 1 })
    expect(await expectQuiet(() => read(1))).toMatchObject({ readSeq: 2, unreadCount: 1 })
    expect(await watched(() => read(999))).toMatchObject({ readSeq: 3, unreadCount: 0 })
    await expect(read(3, vera)).rejects.toEqual(refusal('forbidden'))
  })

  test('[CON10] a note comes once per key, mentions only colleagues, and stays between us', async () => {
    const { id } = await buildConversation(hub, channelId)
    const note = (body: string, more: { mentions?: string[]; clientKey?: string } = {}) =>
      addNote(hub.deps, ana.actor, { conversationId: id, body, ...more }, { requestId: 'r-1' })
    const first = await watched(() => note('call back', { mentions: [ben.actor.id], clientKey: 'k1' }))
    expect(first).toMatchObject({ repeated: false, note: { authorName: 'Ana', mentions: [ben.actor.id] } })
    const again = await expectQuiet(() => note('call back', { mentions: [ben.actor.id], clientKey: 'k1' }))
    expect(again).toMatchObject({ repeated: true, note: { id: first.note.id } })
    await expect(note('something else', { clientKey: 'k1' })).rejects.toEqual(
      refusal('idempotency_key_reused'),
    )
    await expect(note('x', { mentions: [ben.actor.id, uuidv7()] })).rejects.toEqual(
      refusal('validation_failed', { errors: [expect.objectContaining({ pointer: '/mentions/1' })] }),
    )
    await expect(addNote(hub.deps, vera.actor, { conversationId: id, body: 'x' })).rejects.toBeInstanceOf(
      Failure,
    )
    expect(await auditOf(first.note.id)).toEqual([
      { action: 'note.add', actor: { kind: 'user', id: ana.actor.id, name: 'Ana' }, request_id: 'r-1' },
    ])
  })

  test('[CON10] two notes with one key at the same time are one note', async () => {
    const { id } = await buildConversation(hub, channelId)
    const both = await Promise.all(
      [1, 2, 3].map(() =>
        addNote(hub.deps, ana.actor, { conversationId: id, body: 'same', clientKey: 'k2' }),
      ),
    )
    expect(new Set(both.map(({ note }) => note.id)).size).toBe(1)
    expect(both.filter(({ repeated }) => !repeated)).toHaveLength(1)
  })
})
