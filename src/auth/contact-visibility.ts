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
  const of = `select from conversations seen where seen.tenant_id = ${contact}.tenant_id and seen.contact_id = ${contact}.id`
  // What went into another contact left its conversations and addresses there: it is no contact that nobody wrote to.
  const merged = `${contact}.deleted_at is not null and not exists (
    select from contact_identities held where held.tenant_id = ${contact}.tenant_id and held.contact_id = ${contact}.id)`
  const elsewhere = `exists (${of} and seen.channel_id <> all(${bind(closed)}::uuid[]))`
  return `(not exists (${of}) and not (${merged}) or ${elsewhere})`
}
