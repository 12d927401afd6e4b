import type { TenantTx } from '../../log/tenant-tx.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import { loadMessages } from '../messages/load-messages.ts'
import { presentMessage } from '../messages/present-message.ts'

/** Holds the messages of a file until commit: an event shows the whole message, so nobody may change it in between. */
export async function lockMessagesOf(tx: TenantTx, attachmentId: string): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(
    'select id from messages where tenant_id = $1 and attachment_id = $2 order by id for update',
    [tx.tenantId, attachmentId],
  )
  return rows.map((row) => row.id)
}

/** What became of a file, told with its messages. */
export async function announceMedia(
  tx: TenantTx,
  type: 'message.media_stored' | 'message.media_failed',
  messageIds: readonly string[],
): Promise<void> {
  const messages = await loadMessages(tx.query.bind(tx), tx.tenantId, messageIds)
  for (const row of messages)
    tx.record(type, { message: presentMessage(row) }, hearersOf(row.conversation_id))
}
