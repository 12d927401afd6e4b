import type { Actor } from '../../auth/actor.ts'
import { can } from '../../auth/can.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import { dealVisibility } from '../../auth/owned-visibility.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

/** What a record can be about. */
const links = ['customerId', 'contactId', 'dealId', 'conversationId'] as const
type Links = { readonly [Member in (typeof links)[number]]?: unknown }

interface Found {
  customer: boolean
  contact: boolean
  deal: boolean
  channel_id: string | null
  assignee_id: string | null
  team_id: string | null
}

/**
 * Sees that what a record is about from now on is there and may be read by whoever says so. What it was about before may
 * have been deleted since. Fails with `validation_failed` at each link that leads nowhere.
 */
export async function checkLinks(
  tx: TenantTx,
  actor: Actor,
  before: Links | null,
  values: Links,
): Promise<void> {
  const fresh = links.filter((name) => (values[name] ?? null) !== null && values[name] !== before?.[name])
  if (fresh.length === 0) return
  const id = (name: (typeof links)[number]) => (fresh.includes(name) ? values[name] : null)
  const bound: unknown[] = [tx.tenantId, ...links.map(id)]
  const bind = (value: unknown) => `$${bound.push(value)}`
  const seen = contactVisibility(actor, 'contacts', bind)
  const dealSeen = dealVisibility(actor, 'deals', bind)
  const [found] = await tx.query<Found>(
    `select
       exists (select from customers where tenant_id = $1 and id = $2 and deleted_at is null) as customer,
       exists (select from contacts where tenant_id = $1 and id = $3 and deleted_at is null and ${seen}) as contact,
       exists (select from deals where tenant_id = $1 and id = $4 and deleted_at is null and ${dealSeen}) as deal,
       c.channel_id, c.assignee_id, c.team_id
     from (select) one
     left join conversations c on c.tenant_id = $1 and c.id = $5`,
    bound,
  )
  const isThere = {
    customerId: found?.customer === true,
    contactId: found?.contact === true,
    dealId: found?.deal === true,
    conversationId: found !== undefined && mayReadConversation(actor, found),
  }
  const faults = fresh
    .filter((name) => !isThere[name])
    .map((name) => ({ in: 'body', pointer: `/${name}`, message: 'there is no such record' }) as const)
  if (faults.length > 0) throw invalid(faults)
}

function mayReadConversation(actor: Actor, found: Found): boolean {
  const { channel_id: channelId, assignee_id: assigneeId, team_id: teamId } = found
  return channelId !== null && can(actor, 'conversation.read', { channelId, assigneeId, teamId })
}
