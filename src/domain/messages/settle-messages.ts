import type { ActorView } from '../../contract/events/define.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import type { MessageRow, StoredMessageError } from './message-row.ts'
import { moves } from './message-state.ts'

/** What became of a message, with the row as it is now (locked). */
export interface Settlement {
  readonly message: MessageRow
  readonly status: 'sent' | 'failed' | 'unknown'
  readonly error: StoredMessageError | null
  readonly providerMessageId: string | null
}

const eventOf = { sent: 'message.sent', failed: 'message.failed', unknown: 'message.unknown' } as const

/**
 * Writes outcomes and announces those that are news: a message that a status has carried further meanwhile only learns its
 * id (OUT4). An id that another message has already, such as an echo that was faster than the answer, stays with it.
 * One statement, however many there are.
 */
export async function settleMessages(
  tx: TenantTx,
  settlements: readonly Settlement[],
  actor: ActorView,
): Promise<void> {
  if (settlements.length === 0) return
  const changes = settlements.map((one) => ({ one, news: moves(one.message.status, one.status) }))
  await tx.query(
    `update messages m set
       status = coalesce(v.status, m.status),
       error = case when v.status is null then m.error else v.error end,
       next_attempt_at = case when v.status is null then m.next_attempt_at end,
       provider_message_id = case
         when v.provider_message_id is null or exists (
           select from messages other where other.tenant_id = m.tenant_id and other.channel_id = m.channel_id
             and other.provider_message_id = v.provider_message_id and other.id <> m.id) then m.provider_message_id
         else v.provider_message_id end
     from json_to_recordset($2) as v(id uuid, status text, error jsonb, provider_message_id text)
     where m.tenant_id = $1 and m.id = v.id`,
    [
      tx.tenantId,
      JSON.stringify(
        changes.map(({ one, news }) => ({
          id: one.message.id,
          status: news ? one.status : null,
          error: news ? one.error : null,
          provider_message_id: one.providerMessageId,
        })),
      ),
    ],
  )
  for (const { one, news } of changes) {
    if (!news) continue
    const { message, status, error, providerMessageId } = one
    const outcome = {
      messageId: message.id,
      conversationId: message.conversation_id,
      status,
      at: tx.now.toISOString(),
      ...(providerMessageId === null ? {} : { providerMessageId }),
    }
    const scope = hearersOf(message.conversation_id)
    if (status === 'sent') tx.record(eventOf.sent, outcome, scope, actor)
    else tx.record(eventOf[status], { ...outcome, error: error ?? nothingSaid }, scope, actor)
  }
}

const nothingSaid = {
  code: 'unknown',
  title: 'No reason was given',
  detail: '',
  retryable: false,
} satisfies StoredMessageError
