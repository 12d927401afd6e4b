import type { ChannelMembers } from '../contract/access.ts'
import type { EventData } from '../contract/events/catalogue.ts'
import type { ContactPlace, ConversationPlace, OwnedPlace, Scope, Subject } from '../log/scope.ts'
import type { StoredEvent } from '../log/stored-event.ts'
import type { Actor } from './actor.ts'
import { can, elsewhere } from './can.ts'

/**
 * Whether this actor may hear an event of this scope now. `place` is where its conversation or contact is now, null when it
 * is gone. The same function decides live delivery, replay over the socket and over REST.
 */
export function mayHear(actor: Actor, scope: Scope, place: StoredEvent['place']): boolean {
  if (actor.kind === 'system') return true
  switch (scope.kind) {
    case 'tenant':
      return can(actor, scope.action ?? 'record.read')
    case 'managers':
      return can(actor, 'report.read')
    case 'admins':
      return can(actor, 'key.manage')
    case 'user':
      return actor.id === scope.userId
    case 'conversation':
      return isConversation(place) && can(actor, 'conversation.read', place)
    case 'contact':
      return isContact(place) && can(actor, 'record.read', place)
    case 'lost-contact':
      return isContact(place) && can(actor, 'record.read') && !can(actor, 'record.read', place)
    case 'owned':
      return can(actor, scope.action, ownedPlace(scope.ownerId, scope, place))
    case 'lost-owned':
      return (
        can(actor, scope.action, { ownerId: scope.before, about: scope.was }) &&
        !can(actor, scope.action, ownedPlace(scope.after, scope, place))
      )
    case 'lost-sight':
      return (
        can(actor, 'conversation.read', scope.before) &&
        !(isConversation(place) && can(actor, 'conversation.read', place))
      )
  }
}

/** A contact that nobody knows the numbers of is nobody's to see. */
const nowhere: ContactPlace = { channelIds: [elsewhere] }

function ownedPlace(ownerId: string | null, subject: Subject, place: StoredEvent['place']): OwnedPlace {
  const { contactId, channelIds = [] } = subject
  if (ownerId !== null || (contactId === undefined && channelIds.length === 0)) return { ownerId }
  const contact = contactId === undefined ? null : isContact(place) ? place : nowhere
  return { ownerId, about: { contact, channelIds } }
}

const isConversation = (place: StoredEvent['place']): place is ConversationPlace =>
  place !== null && 'channelId' in place
const isContact = (place: StoredEvent['place']): place is ContactPlace =>
  place !== null && 'channelIds' in place

/** Somebody whose sight a change may concern. */
export type Beholder = Pick<Exclude<Actor, { kind: 'system' }>, 'id' | 'role'>

/**
 * Whose sight is another one from this event on: another role, another team, a number that was closed or opened to them.
 * null for all other events. What they held before it no longer adds up: what they may see since then never comes as an
 * event, and what they may not see any more is not taken away by one.
 */
export function sightChangeOf(event: {
  readonly type: string
  readonly payload: string
}): ((who: Beholder) => boolean) | null {
  switch (event.type) {
    case 'user.updated': {
      const { user, formerRole } = JSON.parse(event.payload) as EventData<'user.updated'>
      return formerRole === undefined ? null : ({ id }) => id === user.id
    }
    case 'team.created':
    case 'team.updated':
    case 'team.deleted': {
      const { joined, left } = JSON.parse(event.payload) as EventData<'team.updated'>
      const moved = new Set([...joined, ...left])
      return moved.size === 0 ? null : ({ id, role }) => role === 'agent' && moved.has(id)
    }
    case 'channel.updated': {
      // Most of these are about a number's health, and there are many.
      if (!event.payload.includes('"members":')) return null
      const { members } = JSON.parse(event.payload) as EventData<'channel.updated'>
      if (members === undefined) return null
      const [now, before] = [closedBy(members.now), closedBy(members.before)]
      return ({ id, role }) => role === 'agent' && now(id) !== before(id)
    }
    default:
      return null
  }
}

function closedBy({ membersOnly, memberIds }: ChannelMembers): (id: string) => boolean {
  const members = new Set(memberIds)
  return (id) => membersOnly && !members.has(id)
}

/**
 * Actors with the same key hear exactly the same events, those of scope `user` aside. A gateway decides once per key
 * and event and sends all of them the same bytes: whoever sees the whole tenant shares one key per role.
 */
export function audienceKey(actor: Actor): string {
  if (actor.kind === 'system') return 'system'
  const limited =
    actor.kind === 'key' && actor.scopes.length > 0 ? ` ${[...actor.scopes].sort().join(',')}` : ''
  if (actor.role !== 'agent') return `${actor.role}${limited}`
  const closed = [...actor.closedChannelIds].sort().join(',')
  return `agent ${actor.id} ${[...actor.teamIds].sort().join(',')} ${closed}${limited}`
}
