import type { ActorView } from '../contract/events/define.ts'
import type { Role } from '../contract/records.ts'

/** Whoever acts, after the door: a person, a program with a key, or one of our own processes. */
export type Actor = UserActor | KeyActor | SystemActor

interface Signed {
  readonly tenantId: string
  readonly role: Role
  readonly id: string
  readonly name: string
  readonly teamIds: ReadonlySet<string>
  /** Channels that have members only, of which the actor is none (docs/access.md). Every other channel is open to it. */
  readonly closedChannelIds: ReadonlySet<string>
}
export interface UserActor extends Signed {
  readonly kind: 'user'
  readonly email: string | null
  readonly platformUserId: number | null
  /** The sign-in by password that they act in; ends when they sign out. */
  readonly sessionId?: string
}
export interface KeyActor extends Signed {
  readonly kind: 'key'
  readonly scopes: readonly string[]
  /** Requests and commands per minute; null: as many as anybody. */
  readonly ratePerMinute: number | null
}
/** A worker or the command line, inside one tenant; allowed to do what its code does. */
export interface SystemActor {
  readonly kind: 'system'
  readonly tenantId: string
  readonly name: string
}

/** How the actor is named in events and the audit trail. */
export function presentActor(actor: Actor): ActorView {
  return actor.kind === 'system'
    ? { kind: 'system', name: actor.name }
    : { kind: actor.kind, id: actor.id, name: actor.name }
}
