import type { Actor } from './actor.ts'
import { type Action, can } from './can.ts'

/** Puts a value among a statement's parameters and answers with its place, `$3`. */
type Bind = (value: unknown) => string

/**
 * The rule of can.ts for deals that are nobody's as SQL: which of them the actor may do this to, because nothing that they
 * are about is out of its sight. `deal` is the statement's name for the table; `true` for whoever no number is closed to. A
 * test compares the two (NEAR1). Whoever changes one changes the other.
 */
export function dealInSight(actor: Actor, action: Action, deal: string, bind: Bind): string {
  const closed = closedTo(actor, action)
  if (closed === null) return 'true'
  const numbers = `${bind(closed)}::uuid[]`
  return `(${contactInSight(deal, numbers)} and ${talksInSight(deal, 'id', numbers)})`
}

/** The whole rule for deals: which of them the actor may read. */
export function dealVisibility(actor: Actor, deal: string, bind: Bind): string {
  if (!can(actor, 'deal.read')) return 'false'
  if (actor.kind === 'system' || can(actor, 'deal.read', { ownerId: somebody })) return 'true'
  const free = dealInSight(actor, 'deal.read', deal, bind)
  return `(${deal}.owner_id = ${bind(actor.id)}::uuid or (${deal}.owner_id is null and ${free}))`
}

/** Who may read what is this one's reads everybody's. */
const somebody = '00000000-0000-0000-0000-000000000000'

/**
 * The rule for activities that are nobody's. One about a deal is about the conversations of the deal too, and about its
 * contact when it names none itself.
 */
export function activityInSight(actor: Actor, action: Action, activity: string, bind: Bind): string {
  const closed = closedTo(actor, action)
  if (closed === null) return 'true'
  const numbers = `${bind(closed)}::uuid[]`
  const conversation = `coalesce((select talk.channel_id <> all(${numbers}) from conversations talk
      where talk.tenant_id = ${activity}.tenant_id and talk.id = ${activity}.conversation_id), true)`
  const deal = `coalesce((select ${contactInSight('of_deal', numbers)} from deals of_deal
      where of_deal.tenant_id = ${activity}.tenant_id and of_deal.id = ${activity}.deal_id), true)`
  return `(${contactInSight(activity, numbers)}
    and (${activity}.conversation_id is null or ${conversation})
    and (${activity}.deal_id is null or (${talksInSight(activity, 'deal_id', numbers)}
      and (${activity}.contact_id is not null or ${deal}))))`
}

/** The numbers that nothing may be on that the actor is to do this to; null when there are none. */
function closedTo(actor: Actor, action: Action): string[] | null {
  if (actor.kind === 'system' || actor.closedChannelIds.size === 0) return null
  const channelIds = [...actor.closedChannelIds]
  return can(actor, action, { ownerId: null, about: { contact: null, channelIds } }) ? null : channelIds
}

// Scalar subqueries, and not EXISTS, which the planner may answer for all conversations of the tenant at once: these are looked
// up by index for the rows that come so far, of which a page has few.

/** Its contact writes on a number that is open, or on none; or it has none. */
function contactInSight(record: string, closed: string): string {
  return `(${record}.contact_id is null or coalesce((select bool_or(talk.channel_id <> all(${closed})) from conversations talk
    where talk.tenant_id = ${record}.tenant_id and talk.contact_id = ${record}.contact_id), true))`
}

function talksInSight(record: string, dealId: string, closed: string): string {
  return `coalesce((select bool_and(talk.channel_id <> all(${closed})) from deal_conversations link
    join conversations talk on talk.tenant_id = link.tenant_id and talk.id = link.conversation_id
    where link.tenant_id = ${record}.tenant_id and link.deal_id = ${record}.${dealId}), true)`
}
