import type { TenantTx } from '../../log/tenant-tx.ts'
import type { ConversationRow } from '../conversations/conversation-row.ts'
import type { MessageRow } from './message-row.ts'

/** A message about to be queued, and how long it lets others go first (0 live chat, higher numbers wait). */
export interface QueuedMessage {
  readonly row: MessageRow
  readonly priority: number
}

/**
 * Writes queued messages and their conversations as they are after them, in one statement, however many there are.
 * Locks: the new rows; the conversations must be locked already.
 */
export async function insertQueued(
  tx: TenantTx,
  messages: readonly QueuedMessage[],
  conversations: readonly ConversationRow[],
): Promise<void> {
  await tx.query(
    `with written as (
       insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, author_id, author_name, type,
         text, payload, attachment_id, reply_to_id, reply_to_provider_id, status, client_message_id, priority, sent_at, created_at)
       select $1, v.id, v.conversation_id, v.channel_id, v.seq, 'out', v.author_kind, v.author_id, v.author_name, v.type,
         v.text, v.payload, v.attachment_id, v.reply_to_id, v.reply_to_provider_id, 'queued', v.client_message_id, v.priority, $4, $4
       from json_to_recordset($2) as v(id uuid, conversation_id uuid, channel_id uuid, seq integer, author_kind text, author_id text,
         author_name text, type text, text text, payload jsonb, attachment_id uuid, reply_to_id uuid, reply_to_provider_id text,
         client_message_id text, priority smallint))
     update conversations c set last_seq = u.last_seq, last_message_id = u.last_message_id, last_activity_at = u.last_activity_at,
       waiting_since = u.waiting_since, status = u.status, resolved_at = u.resolved_at, version = u.version, updated_at = $4
     from json_to_recordset($3) as u(id uuid, last_seq integer, last_message_id uuid, last_activity_at timestamptz,
       waiting_since timestamptz, status text, resolved_at timestamptz, version integer)
     where c.tenant_id = $1 and c.id = u.id`,
    [
      tx.tenantId,
      JSON.stringify(messages.map(({ row, priority }) => ({ ...row, priority }))),
      JSON.stringify(conversations),
      tx.now,
    ],
  )
}
