import { expect, test } from 'vitest'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import type { ConversationPlace, Scope } from '../../src/log/scope.ts'
import { hears, hearersKey } from '../../gateway/delivery.ts'
import type { RecentEvent } from '../../gateway/recent-events.ts'
import type { SessionActor } from '../../gateway/session.ts'
import { buildChannel, buildConversation, customerWrites } from '../harness/crowd.ts'
import { startGatewayHub } from './setup.ts'

const event = (scope: Scope, place: ConversationPlace | null): RecentEvent => ({
  seq: 1,
  type: 'message.received',
  at: '2026-01-01T00:00:00.000Z',
  scope,
  whereabouts: place && { place, asOf: 1, events: 1 },
  frame: Buffer.alloc(0),
})

function* people(): Generator<SessionActor> {
  for (const role of ['viewer', 'agent', 'manager', 'admin'] as const)
    for (const id of ['ana', 'ben'])
      for (const teamIds of [[], ['north']])
        for (const closed of [[], ['line-2']]) {
          const known = { tenantId: 'main', id, name: id, email: null, platformUserId: null }
          yield { ...known, kind: 'user', role, teamIds: new Set(teamIds), closedChannelIds: new Set(closed) }
        }
}

function* happenings(): Generator<RecentEvent> {
  for (const kind of ['tenant', 'managers', 'admins'] as const) {
    yield event({ kind }, null)
    yield event({ kind }, null)
  }
  for (const channelId of ['line-1', 'line-2'])
    for (const assigneeId of [null, 'ana', 'ben'])
      for (const teamId of [null, 'north', 'south'])
        for (const conversationId of ['first', 'second'])
          yield event({ kind: 'conversation', conversationId }, { channelId, assigneeId, teamId })
}

test('[GW4] events of one key are heard by the same people, and what more decides about has none', () => {
  const verdicts = new Map<string, Set<string>>()
  for (const happening of happenings()) {
    const heardBy = [...people()].map((actor) => hears(actor, happening)).join(' ')
    const key = hearersKey(happening)
    expect(key).not.toBeNull()
    verdicts.set(key!, (verdicts.get(key!) ?? new Set()).add(heardBy))
  }
  expect(verdicts.size).toBe(3 + 2 * 3 * 3)
  for (const [key, found] of verdicts) expect([key, found.size]).toEqual([key, 1])
  expect(hearersKey(event({ kind: 'user', userId: 'ana' }, null))).toBeNull()
  expect(hearersKey(event({ kind: 'conversation', conversationId: 'gone' }, null))).toBeNull()
})

test('[GW4] who comes between two facts of one place hears the second, and positions are told to who heard neither', async () => {
  await using hub = await startGatewayHub({ SOCKET_WATERMARK_MS: '200' })
  const [ana, ben] = [await hub.signIn('agent', { sub: 'ana' }), await hub.signIn('agent', { sub: 'ben' })]
  const { actor: boss } = await hub.signIn('manager', { sub: 'boss' })
  const conversation = await buildConversation(hub, await buildChannel(hub))
  await assignConversation(hub.deps, boss, { conversationId: conversation.id, userId: ana.actor.id })
  const [first, stranger] = [hub.connect({ token: ana.token }), hub.connect({ token: ben.token })]
  for (const client of [first, stranger]) await client.next('caught-up')
  await customerWrites(hub, conversation.id, 'one')
  await first.next('message.received')

  const second = hub.connect({ token: ana.token })
  await second.next('caught-up')
  await customerWrites(hub, conversation.id, 'two')
  const { seq } = await second.next('message.received')
  await stranger.next('position', (told) => Number(told.position?.split(':')[1]) >= Number(seq))
  expect(first.of('message.received')).toHaveLength(2)
  expect(second.of('message.received')).toHaveLength(1)
  expect(stranger.of('message.received')).toEqual([])
  for (const client of [first, second]) expect(client.of('position')).toEqual([])
})
