import { Failure } from '../contract/errors.ts'
import type { Role } from '../contract/records.ts'
import type { ContactPlace, ConversationPlace, OwnedPlace } from '../log/scope.ts'
import type { Actor, UserActor } from './actor.ts'

/**
 * The policy: role × action × scope, in this one table. It decides for REST, the socket, replay and media alike.
 *
 * `all`: everything of the tenant. `near`: conversations that are the actor's own, its teams' or nobody's, on channels
 * that it works on, and what belongs to them; contacts that write on a number that it works on, or on none; deals and
 * activities that are its own, and nobody's unless they are about such a contact or a conversation on a number that it does
 * not work on. `no`: never.
 */
type Reach = 'all' | 'near' | 'no'

const matrix = {
  'conversation.read': { viewer: 'all', agent: 'near', manager: 'all', admin: 'all' },
  'conversation.work': { viewer: 'no', agent: 'near', manager: 'all', admin: 'all' },
  'conversation.assign': { viewer: 'no', agent: 'near', manager: 'all', admin: 'all' },
  'conversation.start': { viewer: 'no', agent: 'all', manager: 'all', admin: 'all' },
  'message.send': { viewer: 'no', agent: 'near', manager: 'all', admin: 'all' },
  'note.write': { viewer: 'no', agent: 'near', manager: 'all', admin: 'all' },
  /** Changing and deleting notes of somebody else. */
  'note.moderate': { viewer: 'no', agent: 'no', manager: 'all', admin: 'all' },
  /** Contacts have a place, the numbers they write on; customers, tags and the like have none, so they are everybody's. */
  'record.read': { viewer: 'all', agent: 'near', manager: 'all', admin: 'all' },
  'record.write': { viewer: 'no', agent: 'near', manager: 'all', admin: 'all' },
  'deal.read': { viewer: 'all', agent: 'near', manager: 'all', admin: 'all' },
  'deal.write': { viewer: 'no', agent: 'near', manager: 'all', admin: 'all' },
  'activity.read': { viewer: 'all', agent: 'near', manager: 'all', admin: 'all' },
  'activity.write': { viewer: 'no', agent: 'near', manager: 'all', admin: 'all' },
  /** Files of records that were brought; bringing one takes record.write. */
  'import.read': { viewer: 'no', agent: 'near', manager: 'all', admin: 'all' },
  'pipeline.manage': { viewer: 'no', agent: 'no', manager: 'all', admin: 'all' },
  'field.manage': { viewer: 'no', agent: 'no', manager: 'all', admin: 'all' },
  /** Saved views: everybody keeps their own; shared ones of somebody else take view.moderate. */
  'view.write': { viewer: 'all', agent: 'all', manager: 'all', admin: 'all' },
  'view.share': { viewer: 'no', agent: 'all', manager: 'all', admin: 'all' },
  'view.moderate': { viewer: 'no', agent: 'no', manager: 'all', admin: 'all' },
  'report.read': { viewer: 'no', agent: 'no', manager: 'all', admin: 'all' },
  'media.upload': { viewer: 'no', agent: 'all', manager: 'all', admin: 'all' },
  'channel.read': { viewer: 'all', agent: 'all', manager: 'all', admin: 'all' },
  'channel.manage': { viewer: 'no', agent: 'no', manager: 'no', admin: 'all' },
  'user.read': { viewer: 'all', agent: 'all', manager: 'all', admin: 'all' },
  'user.manage': { viewer: 'no', agent: 'no', manager: 'no', admin: 'all' },
  'tenant.read': { viewer: 'no', agent: 'no', manager: 'all', admin: 'all' },
  'tenant.manage': { viewer: 'no', agent: 'no', manager: 'no', admin: 'all' },
  'key.manage': { viewer: 'no', agent: 'no', manager: 'no', admin: 'all' },
  'audit.read': { viewer: 'no', agent: 'no', manager: 'no', admin: 'all' },
} as const satisfies Record<string, Record<Role, Reach>>

export type Action = keyof typeof matrix
export const actions = Object.keys(matrix) as Action[]

/** What decides whether a thing is near. */
export type Place = ConversationPlace | OwnedPlace | ContactPlace

/** Whether the actor may do this to a thing at this place; without a place, whether it may do it at all. */
export function can(actor: Actor, action: Action, place?: Place): boolean {
  if (actor.kind === 'system') return true
  if (actor.kind === 'key' && actor.scopes.length > 0 && !actor.scopes.includes(action)) return false
  const reach = matrix[action][actor.role]
  if (reach === 'no') return false
  return reach === 'all' || place === undefined || isNear(actor, place)
}

/** The number of a contact that went into another one (channels_of_contact): nobody works on it. */
export const elsewhere = '00000000-0000-0000-0000-000000000000'

function isNear(actor: Exclude<Actor, { kind: 'system' }>, place: Place): boolean {
  if ('channelIds' in place) return isNearContact(actor, place)
  if ('ownerId' in place) {
    if (place.ownerId !== null) return place.ownerId === actor.id
    if (place.about === undefined || actor.closedChannelIds.size === 0) return true
    const { contact, channelIds } = place.about
    if (contact !== null && !isNearContact(actor, contact)) return false
    return !channelIds.some((id) => actor.closedChannelIds.has(id))
  }
  if (actor.closedChannelIds.has(place.channelId)) return false
  if (place.assigneeId !== null)
    return place.assigneeId === actor.id || (place.teamId !== null && actor.teamIds.has(place.teamId))
  return place.teamId === null || actor.teamIds.has(place.teamId)
}

function isNearContact(
  { closedChannelIds: closed }: Pick<UserActor, 'closedChannelIds'>,
  { channelIds }: ContactPlace,
): boolean {
  if (closed.size === 0 || channelIds.length === 0) return true
  return channelIds.some((id) => id !== elsewhere && !closed.has(id))
}

/** Fails with `forbidden` when the role never allows it, with `not_found` when it is just not this actor's thing. */
export function permit(actor: Actor, action: Action, place?: Place): void {
  if (can(actor, action, place)) return
  throw new Failure(can(actor, action) ? 'not_found' : 'forbidden')
}

/**
 * Fails with `forbidden` when somebody of this role (with these scopes) could do anything that the actor may not: nobody
 * gives away what they do not have, a key with few scopes least of all.
 */
export function permitGrant(actor: Actor, role: Role, scopes: readonly string[] = []): void {
  const gives = actions.filter(
    (action) => matrix[action][role] !== 'no' && (scopes.length === 0 || scopes.includes(action)),
  )
  const lacking = gives.filter((action) => !can(actor, action) || isNarrower(actor, action, role))
  if (lacking.length > 0) throw new Failure('forbidden', { lacking })
}

function isNarrower(actor: Actor, action: Action, role: Role): boolean {
  return actor.kind !== 'system' && matrix[action][actor.role] === 'near' && matrix[action][role] === 'all'
}

/** The actions of a role, for GET /admin/me. */
export function permissionsOf(actor: Actor): Action[] {
  return actions.filter((action) => can(actor, action))
}
