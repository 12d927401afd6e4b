import type { TenantTx } from '../../log/tenant-tx.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import type { MessageRow } from './message-row.ts'
import { presentMessage } from './present-message.ts'

/** A reaction of ours that the network took, and the message it is about (locked). */
export interface OurReaction {
  readonly reaction: MessageRow
  readonly target: MessageRow
}

/**
 * Shows reactions of ours on their targets. For the network a number has one reaction per message, whoever of us gave it,
 * so the newest takes the place of a colleague's; an empty emoji takes it away.
 */
export async function showReactions(tx: TenantTx, ours: readonly OurReaction[]): Promise<void> {
  if (ours.length === 0) return
  const changed = new Map<string, MessageRow>()
  for (const { reaction, target } of ours) {
    const { author_kind: kind, author_id: id, author_name: name } = reaction
    const { emoji } = reaction.payload as { emoji: string }
    const others = target.reactions.filter(({ by }) => by.kind === 'contact')
    const by = { kind, ...(id !== null && { id }), ...(name !== null && { name }) }
    target.reactions =
      emoji === '' ? others : [...others, { emoji, key: `${kind}:${id ?? ''}`, by, at: tx.now.toISOString() }]
    changed.set(target.id, target)
  }
  await tx.query(
    `update messages m set reactions = v.reactions from json_to_recordset($2) as v(id uuid, reactions jsonb)
     where m.tenant_id = $1 and m.id = v.id`,
    [tx.tenantId, JSON.stringify([...changed.values()].map(({ id, reactions }) => ({ id, reactions })))],
  )
  for (const target of changed.values())
    tx.record('message.reacted', { message: presentMessage(target) }, hearersOf(target.conversation_id))
}
