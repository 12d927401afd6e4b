import type { TenantTx } from '../../log/tenant-tx.ts'
import type { DeliveryStatus, InboundStatus } from '../../providers/inbound.ts'
import { learnIdentities } from '../contacts/learn-identities.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import type { MessageRow, StoredMessageError } from './message-row.ts'
import { moves } from './message-state.ts'
import type { News } from './message-update.ts'
import { type OurReaction, showReactions } from './react.ts'

const eventOf = {
  sent: 'message.sent',
  delivered: 'message.delivered',
  read: 'message.read',
  played: 'message.read',
} as const

const noReason: StoredMessageError = {
  code: 'unknown',
  title: 'No reason was given',
  detail: '',
  retryable: false,
}

/**
 * Writes how far messages of ours came, and announces each step that is news (OUT4, UPD1). A message whose send is still
 * under way, or whose outcome nobody knew, is settled by it and learns the network's id. Whoever records the outcome
 * afterwards finds a message that is further than that and leaves it so.
 * `locked` holds the targets of reactions that a status may settle. Answers with the ids of the network that were learnt.
 */
export async function recordReceipts(
  tx: TenantTx,
  news: readonly News<InboundStatus>[],
  locked: ReadonlyMap<string, MessageRow>,
): Promise<string[]> {
  const changed = new Map<string, Change>()
  const learnt: string[] = []
  const reactions: OurReaction[] = []
  for (const { update, message } of news) {
    if (message.direction !== 'out') continue
    const change = changed.get(message.id) ?? { message, pricing: null }
    const pricing = update.participant === undefined ? update.pricing : undefined
    if (pricing !== undefined) changed.set(message.id, { ...change, pricing })
    const status = ownStatus(update)
    if (status === null || !moves(message.status, status)) continue
    const before = message.status
    if (message.provider_message_id === null) learnt.push(update.providerMessageId)
    message.provider_message_id ??= update.providerMessageId
    message.status = status
    message.error = status === 'failed' ? (update.error ?? noReason) : null
    if (!changed.has(message.id)) changed.set(message.id, change)
    announce(tx, message, update.at)
    // What stands behind it in its conversation may go on now.
    if (before === 'queued')
      tx.nudge('deliver-outbound', { tenantId: tx.tenantId, channelId: message.channel_id })
    const target = message.type === 'reaction' ? locked.get(message.reply_to_id ?? '') : undefined
    if (target && status !== 'failed' && (before === 'queued' || before === 'unknown'))
      reactions.push({ reaction: message, target, providerMessageId: message.provider_message_id })
  }
  await write(tx, [...changed.values()])
  await showReactions(tx, reactions)
  await learnRecipients(tx, news)
  return learnt
}

interface Change {
  readonly message: MessageRow
  /** What the network says that it costs, as it says it; null leaves what is there. */
  readonly pricing: Record<string, unknown> | null
}

/**
 * What a status says of the message itself. That it came to one participant of a group proves no more than that it went
 * out, and that it did not come to one proves nothing.
 */
function ownStatus({ status, participant }: InboundStatus): DeliveryStatus | null {
  if (participant === undefined) return status
  return status === 'failed' ? null : 'sent'
}

function announce(tx: TenantTx, message: MessageRow, at: Date): void {
  const { status, error } = message
  const outcome = {
    messageId: message.id,
    conversationId: message.conversation_id,
    status,
    at: at.toISOString(),
    ...(message.provider_message_id !== null && { providerMessageId: message.provider_message_id }),
  }
  const scope = hearersOf(message.conversation_id)
  const by = { kind: 'provider' } as const
  if (status === 'failed') tx.record('message.failed', { ...outcome, error: error ?? noReason }, scope, by)
  else tx.record(eventOf[status as keyof typeof eventOf], outcome, scope, by)
}

async function write(tx: TenantTx, changes: readonly Change[]): Promise<void> {
  if (changes.length === 0) return
  await tx.query(
    `update messages m set status = v.status, error = v.error, provider_message_id = v.provider_message_id,
       pricing = coalesce(v.pricing, m.pricing), next_attempt_at = case when v.status = 'queued' then m.next_attempt_at end
     from json_to_recordset($2) as v(id uuid, status text, error jsonb, provider_message_id text, pricing jsonb)
     where m.tenant_id = $1 and m.id = v.id`,
    [
      tx.tenantId,
      JSON.stringify(
        changes.map(({ message: { id, status, error, provider_message_id }, pricing }) => ({
          id,
          status,
          error,
          provider_message_id,
          pricing,
        })),
      ),
    ],
  )
}

/** Keeps addresses of recipients that nobody has yet: the network named them beside the one that we wrote to. */
async function learnRecipients(tx: TenantTx, news: readonly News<InboundStatus>[]): Promise<void> {
  const told = news.flatMap(({ update, message }) =>
    message.direction === 'in' || update.participant !== undefined
      ? []
      : (update.recipient?.identities ?? []).map(({ kind, value }) => ({
          conversation_id: message.conversation_id,
          kind,
          value,
        })),
  )
  if (told.length === 0) return
  const fresh = await tx.query<{ conversation_id: string; kind: 'phone'; value: string }>(
    `select distinct c.contact_id, v.conversation_id, v.kind, v.value
     from json_to_recordset($2) as v(conversation_id uuid, kind text, value text)
     join conversations c on c.tenant_id = $1 and c.id = v.conversation_id
     join contacts ct on ct.tenant_id = $1 and ct.id = c.contact_id and not ct.is_group
     where v.kind <> 'group' and not exists (
       select from contact_identities i where i.tenant_id = $1 and i.value = v.value
         and i.kind = any (case when v.kind in ('phone', 'wa_id') then array['phone', 'wa_id'] else array[v.kind] end))
     order by 1, 2, 3, 4`,
    [tx.tenantId, JSON.stringify(told)],
  )
  for (const [conversationId, identities] of Map.groupBy(fresh, (row) => row.conversation_id))
    await learnIdentities(
      tx,
      conversationId,
      identities.map(({ kind, value }) => ({ kind, value })),
    )
}
