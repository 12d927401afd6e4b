import { hearersOfContact } from './contact-sight.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Identity } from '../../providers/inbound.ts'
import { lockContactOf } from './contact-of-conversation.ts'
import { viewContacts } from './present-contact.ts'

/**
 * Adds addresses to the contact of a conversation, and announces it when one was new. An address that another contact has stays
 * there: who is who is decided by the network's webhooks, not by the answer to a send. Locks: the contact, before its addresses, as
 * whoever joins contacts does.
 */
export async function learnIdentities(
  tx: TenantTx,
  conversationId: string,
  identities: readonly Identity[],
): Promise<void> {
  const contactId = await lockContactOf(tx, conversationId)
  if (contactId === undefined) return
  const added = await tx.query(
    `insert into contact_identities (tenant_id, kind, value, contact_id)
     select $1, v.kind, v.value, $2 from json_to_recordset($3) as v(kind text, value text)
     on conflict do nothing returning 1`,
    [tx.tenantId, contactId, JSON.stringify(identities)],
  )
  if (added.length === 0) return
  await tx.query(
    'update contacts set version = version + 1, updated_at = $3 where tenant_id = $1 and id = $2',
    [tx.tenantId, contactId, tx.now],
  )
  const [contact] = await viewContacts(tx.query.bind(tx), tx.tenantId, [contactId])
  if (contact) tx.record('contact.updated', { contact }, hearersOfContact(contactId))
}
