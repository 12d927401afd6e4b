import type { Actor } from './actor.ts'
import { can } from './can.ts'

/**
 * The rule of can.ts for contacts as SQL, for lists and snapshots: which contacts the actor may read. `contact` is the
 * statement's name for the table; `bind` puts a value among its parameters. A test compares the two (RGT14). Whoever changes
 * one changes the other.
 */
export function contactVisibility(actor: Actor, contact: string, bind: (value: unknown) => string): string {
  if (!can(actor, 'record.read')) return 'false'
  if (actor.kind === 'system') return 'true'
  const closed = [...actor.closedChannelIds]
  if (closed.length === 0 || can(actor, 'record.read', { channelIds: closed })) return 'true'
  // What went into another contact left its conversations there: it is no contact that nobody wrote to.
  // No EXISTS, which the planner may answer for everybody of the tenant at once.
  return `coalesce((select bool_or(seen.channel_id <> all(${bind(closed)}::uuid[])) from conversations seen
    where seen.tenant_id = ${contact}.tenant_id and seen.contact_id = ${contact}.id), ${contact}.merged_into is null)`
}
