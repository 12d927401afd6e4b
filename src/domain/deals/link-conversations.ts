import type { TenantTx } from '../../log/tenant-tx.ts'
import { changeConversation } from '../conversations/change-conversation.ts'
import { lockConversations } from '../conversations/load-conversations.ts'

/** Links a deal with exactly these conversations; those that gained or lost it say so with `conversation.updated`. */
export async function linkConversations(
  tx: TenantTx,
  dealId: number,
  before: readonly string[],
  after: readonly string[],
): Promise<void> {
  const gone = before.filter((id) => !after.includes(id))
  const come = after.filter((id) => !before.includes(id))
  const changed = await lockConversations(tx, [...gone, ...come])
  await tx.query(
    'delete from deal_conversations where tenant_id = $1 and deal_id = $2 and conversation_id = any($3)',
    [tx.tenantId, dealId, gone],
  )
  await tx.query(
    'insert into deal_conversations (tenant_id, deal_id, conversation_id) select $1, $2, c from unnest($3::uuid[]) c',
    [tx.tenantId, dealId, come],
  )
  for (const conversation of changed) await changeConversation(tx, conversation, 'conversation.updated', {})
}

/** Tells with `conversation.updated` that a deal left its conversations, or came back to them. */
export async function announceConversations(tx: TenantTx, ids: readonly string[]): Promise<void> {
  for (const conversation of await lockConversations(tx, ids))
    await changeConversation(tx, conversation, 'conversation.updated', {})
}
