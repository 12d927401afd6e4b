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
          const sight = { teamIds: new Set(teamIds), closedChannelIds: new Set(closed) }
          const known = { tenantId: 'main', id, name: id, role, ...sight }
          yield { ...known, kind: 'user', email: null, platformUserId: null }
          for (const scopes of [[], ['record.read'], ['user.read'], ['channel.read'], ['conversation.read']])
            yield { ...known, kind: 'key', scopes, ratePerMinute: null }
        }
}

/** Whatever the policy could ask of a scope with a key; a member more, and this does not compile. */
type Members<Kind extends Scope['kind']> = Required<Omit<Extract<Scope, { kind: Kind }>, 'kind'>>
const actionsOf = { action: [undefined, 'user.read', 'channel.read'] } satisfies Record<
  keyof Members<'tenant'>,
  readonly Members<'tenant'>['action'][]
>
const placesOf = {
  channelId: ['line-1', 'line-2'],
  assigneeId: [null, 'ana', 'ben'],
  teamId: [null, 'north', 'south'],
} satisfies Record<keyof ConversationPlace, readonly (string | null)[]>
const conversations = { conversationId: ['first', 'second'] } satisfies Record<
  keyof Members<'conversation'>,
  readonly string[]
>

function* happenings(): Generator<RecentEvent> {
  for (const action of actionsOf.action) yield event({ kind: 'tenant', action }, null)
  for (const kind of ['managers', 'admins'] as const) yield event({ kind } satisfies Scope, null)
  for (const channelId of placesOf.channelId)
    for (const assigneeId of placesOf.assigneeId)
      for (const teamId of placesOf.teamId)
        for (const conversationId of conversations.conversationId)
          yield event({ kind: 'conversation', conversationId }, { channelId, assigneeId, teamId })
}

test('[GW4] [RGT21] events of one key are heard by the same people and keys, and what more decides about has none', () => {
  const verdicts = new Map<string, Set<string>>()
  for (const happening of happenings()) {
    const heardBy = [...people()].map((actor) => hears(actor, happening)).join(' ')
    const key = hearersKey(happening)
    expect(key).not.toBeNull()
    verdicts.set(key!, (verdicts.get(key!) ?? new Set()).add(heardBy))
  }
  expect(verdicts.size).toBe(3 + 2 + 2 * 3 * 3)
  for (const [key, found] of verdicts) expect([key, found.size]).toEqual([key, 1])
  expect(hearersKey(event({ kind: 'user', userId: 'ana' }, null))).toBeNull()
  expect(hearersKey(event({ kind: 'conversation', conversationId: 'gone' }, null))).toBeNull()
})

test('[GW4] who comes between two facts of one place hears the second, and who loses it no third; positions are told to who heard neither', async () => {
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

  await assignConversation(hub.deps, boss, { conversationId: conversation.id, userId: ben.actor.id })
  await customerWrites(hub, conversation.id, 'three')
  await stranger.next('message.received')
  await customerWrites(hub, conversation.id, 'four')
  const { seq: fourth } = await stranger.next('message.received')
  // Facts come in order, so whoever knows this position was not told the third.
  await first.next('position', (told) => Number(told.position?.split(':')[1]) >= Number(fourth))
  expect(first.of('message.received')).toHaveLength(2)
})
