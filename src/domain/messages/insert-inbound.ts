import type { TenantTx } from '../../log/tenant-tx.ts'
import type { ConversationRow } from '../conversations/conversation-row.ts'
import type { MessageRow } from './message-row.ts'

/**
 * Writes received messages and their conversations as they are after them, in one statement, however many there are. `raw`
 * is the part of the delivery that we could not read. Fails with a unique violation when the answer to a send gave its
 * message one of these ids at the same moment; then everything must be looked at again.
 * Locks: the new rows; the conversations must be locked already.
 */
export function insertInbound(
  tx: TenantTx,
  messages: readonly { readonly row: MessageRow; readonly raw: unknown }[],
  conversations: readonly ConversationRow[],
): void {
  // Ids are said twice, because a plan that is kept knows how to find rows by an array of ids; joined to a set whose size it
  // cannot know, all conversations are read.
  tx.runGathered(
    `with written as (
       insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, author_id, author_name, type,
         text, payload, attachment_id, reply_to_id, reply_to_provider_id, status, provider_message_id, raw, sent_at, created_at)
       select v.tenant_id, v.id, v.conversation_id, v.channel_id, v.seq, v.direction, v.author_kind, v.author_id, v.author_name,
         v.type, v.text, v.payload, v.attachment_id, v.reply_to_id, v.reply_to_provider_id, v.status, v.provider_message_id, v.raw,
         v.sent_at, v.created_at
       from json_to_recordset($1) as v(tenant_id uuid, id uuid, conversation_id uuid, channel_id uuid, seq integer,
         direction text, author_kind text, author_id text, author_name text, type text, text text, payload jsonb,
         attachment_id uuid, reply_to_id uuid, reply_to_provider_id text, status text, provider_message_id text, raw jsonb,
         sent_at timestamptz, created_at timestamptz))
     update conversations c set last_seq = u.last_seq, read_seq = u.read_seq, unread_count = u.unread_count,
       last_message_id = u.last_message_id, last_activity_at = u.last_activity_at, last_inbound_at = u.last_inbound_at,
       window_expires_at = u.window_expires_at, waiting_since = u.waiting_since, version = u.version, updated_at = u.updated_at
     from json_to_recordset($2) as u(tenant_id uuid, id uuid, last_seq integer, read_seq integer, unread_count integer,
       last_message_id uuid, last_activity_at timestamptz, last_inbound_at timestamptz, window_expires_at timestamptz,
       waiting_since timestamptz, version integer, updated_at timestamptz)
     where c.id = any (array(select (d->>'id')::uuid from json_array_elements($2) as d)) and c.id = u.id
       and c.tenant_id = u.tenant_id`,
    messages.map(({ row, raw }) => ({ ...row, raw })),
    conversations,
  )
}
