import type { TenantTx } from '../../log/tenant-tx.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import type { MessageRow, StoredReaction } from './message-row.ts'
import { isOurs, looksTheSame, withReaction } from './place-reaction.ts'
import { presentMessage } from './present-message.ts'

/** A reaction of ours that the network took, and the message it is about (locked). */
export interface OurReaction {
  readonly reaction: MessageRow
  readonly target: MessageRow
  /** The network's id of the reaction: an echo of it bears the same. */
  readonly providerMessageId: string | null
}

/**
 * Shows reactions of ours on their targets. For the network a number has one reaction per message, whoever of us gave it,
 * so the newest takes the place of a colleague's; an empty emoji takes it away. One that an echo showed already, as of
 * nobody in particular, gets its author.
 */
export async function showReactions(tx: TenantTx, ours: readonly OurReaction[]): Promise<void> {
  const changed = new Map<string, MessageRow>()
  for (const { reaction, target, providerMessageId } of ours) {
    if (target.deleted_at !== null) continue
    const { author_kind: kind, author_id: id, author_name: name } = reaction
    const { emoji } = reaction.payload as { emoji: string }
    const by = { kind, ...(id !== null && { id }), ...(name !== null && { name }) }
    const key = `${kind}:${id ?? ''}`
    const isEcho = (one: StoredReaction) =>
      one.by.kind === 'phone' && providerMessageId !== null && one.ids?.includes(providerMessageId) === true
    const ids = providerMessageId === null ? [reaction.id] : [reaction.id, providerMessageId]
    const before = target.reactions
    const after = before.some(isEcho)
      ? before.map((one) => (isEcho(one) ? { ...one, key, by, ids: [...(one.ids ?? []), reaction.id] } : one))
      : withReaction(before, { emoji, key, by, at: tx.now.toISOString(), ids }, isOurs)
    if (after === null) continue
    target.reactions = after
    changed.set(target.id, target)
    if (looksTheSame(before, after)) continue
    tx.record('message.reacted', { message: presentMessage(target) }, hearersOf(target.conversation_id))
  }
  await writeReactions(tx, [...changed.values()])
}

/** One statement, however many there are. */
export async function writeReactions(tx: TenantTx, messages: readonly MessageRow[]): Promise<void> {
  if (messages.length === 0) return
  await tx.query(
    `update messages m set reactions = v.reactions from json_to_recordset($2) as v(id uuid, reactions jsonb)
     where m.tenant_id = $1 and m.id = v.id`,
    [tx.tenantId, JSON.stringify(messages.map(({ id, reactions }) => ({ id, reactions })))],
  )
}
