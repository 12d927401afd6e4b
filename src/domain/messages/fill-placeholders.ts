import type { TenantTx } from '../../log/tenant-tx.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import { insertAttachments, newAttachment } from '../media/insert-attachments.ts'
import { type Arrival, isPlaceholder } from './inbound-arrival.ts'
import type { KnownMessage } from './known-messages.ts'
import { loadMessages } from './load-messages.ts'
import { presentMessage } from './present-message.ts'

/**
 * Messages that came before as "a file that is still being imported" and now came whole take their content, in their old
 * place. Records `message.edited`. Everything else that is repeated stays as it is.
 * Locks: the messages by id.
 */
export async function fillPlaceholders(
  tx: TenantTx,
  channelId: string,
  arrivals: readonly Arrival[],
  known: ReadonlyMap<string, KnownMessage>,
): Promise<void> {
  const fills = arrivals.flatMap(({ message, inboxId }) => {
    const { providerMessageId, media } = message
    const target = providerMessageId === null ? undefined : known.get(providerMessageId)
    if (providerMessageId === null || !target) return []
    if (!isPlaceholder(target.payload) || isPlaceholder(message.payload)) return []
    const file = media ? newAttachment(tx, channelId, media, { inboxId, providerMessageId }) : null
    return [{ id: target.id, message, file }]
  })
  if (fills.length === 0) return
  const ids = fills.map(({ id }) => id)
  await loadMessages(tx.query.bind(tx), tx.tenantId, ids, true)
  await insertAttachments(
    tx,
    fills.map(({ file }) => file).filter((file) => file !== null),
  )
  await tx.query(
    `update messages m set type = v.type, text = v.text, payload = v.payload, attachment_id = v.attachment_id
     from json_to_recordset($2) as v(id uuid, type text, text text, payload jsonb, attachment_id uuid)
     where m.tenant_id = $1 and m.id = v.id`,
    [
      tx.tenantId,
      JSON.stringify(
        fills.map(({ id, message: { type, text, payload }, file }) => ({
          id,
          type,
          text,
          payload,
          attachment_id: file?.id ?? null,
        })),
      ),
    ],
  )
  for (const row of await loadMessages(tx.query.bind(tx), tx.tenantId, ids))
    tx.record('message.edited', { message: presentMessage(row) }, hearersOf(row.conversation_id))
}
