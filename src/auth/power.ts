import { Failure } from '../contract/errors.ts'
import type { Role } from '../contract/records.ts'
import type { Actor } from './actor.ts'
import { permitGrant } from './can.ts'

/**
 * Fails with `forbidden` unless the actor may do all that somebody of this role, or a key with these scopes, may: nobody
 * makes or changes people and keys that are more than themselves. Asked for what is there as well as for what it becomes: a
 * key that could disable an admin, or change the address that they sign in with, would be an admin.
 *
 * What may do everything, also what later releases add, is touched by people and by keys without scopes alone, however many
 * scopes a key has.
 */
export function permitPower(actor: Actor, role: Role, scopes: readonly string[] = []): void {
  const isLimited = actor.kind === 'key' && actor.scopes.length > 0
  if (isLimited && role === 'admin' && scopes.length === 0)
    throw new Failure('forbidden', { lacking: ['a key without scopes'] })
  permitGrant(actor, role, scopes)
}
