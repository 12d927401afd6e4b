import type { TenantTx } from '../../log/tenant-tx.ts'
import { viewConversations } from './load-conversations.ts'
import { hearersOf } from './present-conversation.ts'

/**
 * All conversations of a contact, or `only` these, become another one's, because the two are one person. Where both have a live one on the
 * same channel, the one that moves ends, so that there is one place to answer in (CON2). Records
 * `conversation.status_changed` for those and `conversation.updated` for the others. Both contacts must be locked.
 */
export async function moveConversations(
  tx: TenantTx,
  from: number,
  to: number,
  only: readonly string[] | null = null,
): Promise<void> {
  const moved = await tx.query<{ id: string; ended: boolean }>(
    `with going as (
       select c.id, c.status <> 'resolved' and exists (
         select from conversations other where other.tenant_id = c.tenant_id and other.channel_id = c.channel_id
           and other.contact_id = $3 and other.status <> 'resolved') as ended
       from conversations c where c.tenant_id = $1 and c.contact_id = $2 and ($5::uuid[] is null or c.id = any($5)) order by c.id for update)
     update conversations c set contact_id = $3, version = c.version + 1, updated_at = $4,
       status = case when going.ended then 'resolved' else c.status end,
       resolved_at = case when going.ended then $4 else c.resolved_at end,
       snoozed_until = case when going.ended then null else c.snoozed_until end
     from going where c.tenant_id = $1 and c.id = going.id returning c.id, going.ended`,
    [tx.tenantId, from, to, tx.now, only],
  )
  const ended = new Set(moved.filter((row) => row.ended).map((row) => row.id))
  const views = await viewConversations(
    tx.query.bind(tx),
    tx.tenantId,
    moved.map((row) => row.id),
    tx.now,
    { lock: true },
  )
  for (const [id, conversation] of views)
    tx.record(
      ended.has(id) ? 'conversation.status_changed' : 'conversation.updated',
      { conversation },
      hearersOf(id),
    )
}
