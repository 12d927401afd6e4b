import type { TenantTx } from '../../log/tenant-tx.ts'
import { requireAddresses } from '../contacts/require-addresses.ts'
import type { ConversationRow } from './conversation-row.ts'
import { lockConversations } from './load-conversations.ts'
import { announce, begin, lockContacts } from './open-conversation.ts'

/**
 * Where something goes that is nobody's work: imported messages, and lines about a change of number. The live conversation
 * of each contact, else its newest one, which stays resolved; else one that begins resolved, so that an import of half a
 * year does not fill the inbox. Locked until commit. Records `conversation.opened` for new ones.
 * Locks in order: conversations by id; then, only for contacts without one, the contacts and the counter.
 */
export async function pastConversations(
  tx: TenantTx,
  channelId: string,
  contactIds: readonly number[],
): Promise<Map<number, ConversationRow>> {
  const found = new Map<number, ConversationRow>()
  const keep = (rows: readonly ConversationRow[]) => {
    for (const row of rows) found.set(row.contact_id, row)
  }
  const missing = () => contactIds.filter((id) => !found.has(id))
  keep(await lockNewest(tx, channelId, missing()))
  if (missing().length > 0) {
    await lockContacts(tx, missing())
    await requireAddresses(tx, missing())
    keep(await lockNewest(tx, channelId, missing()))
    const begun = await begin(tx, { channelId, contactIds: missing(), resolved: true })
    keep(begun)
    await announce(tx, begun, [])
  }
  return found
}

async function lockNewest(
  tx: TenantTx,
  channelId: string,
  contactIds: readonly number[],
): Promise<ConversationRow[]> {
  if (contactIds.length === 0) return []
  const newest = await tx.query<{ id: string }>(
    `select distinct on (contact_id) id from conversations
     where tenant_id = $1 and channel_id = $2 and contact_id = any($3)
     order by contact_id, status = 'resolved', created_at desc, id desc`,
    [tx.tenantId, channelId, contactIds],
  )
  return newest.length === 0
    ? []
    : lockConversations(
        tx,
        newest.map((row) => row.id),
      )
}
