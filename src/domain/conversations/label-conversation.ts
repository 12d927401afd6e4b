import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ConversationView } from '../../contract/conversation.ts'
import { invalid } from '../../http/faults.ts'
import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { auditConversation, type Origin } from './audit-conversation.ts'
import { changeConversation } from './change-conversation.ts'
import { lockConversation, viewConversation } from './load-conversations.ts'
import { placeOf } from './present-conversation.ts'

/**
 * Takes labels off and puts labels on, in this order; spaces around them do not count. Labels stay in the order in which
 * they came. Nothing changed is a success without an event.
 * Fails with `validation_failed` for an empty label or for more than CONVERSATION_LABELS in the end.
 */
export function labelConversation(
  deps: LogDeps & { readonly config: Pick<Config, 'CONVERSATION_LABELS'> },
  actor: Actor,
  input: {
    conversationId: string
    add?: readonly string[] | undefined
    remove?: readonly string[] | undefined
  },
  origin: Origin = {},
): Promise<ConversationView> {
  return inTenant(
    deps,
    actor.tenantId,
    async (tx) => {
      const before = await lockConversation(tx, input.conversationId)
      permit(actor, 'conversation.work', placeOf(before))
      const labels = relabel(before.labels, input)
      if (labels.includes(''))
        throw invalid([{ in: 'body', pointer: '/add', message: 'a label cannot be empty' }])
      if (labels.length === before.labels.length && labels.every((label, at) => label === before.labels[at]))
        return viewConversation(tx, before.id)
      const most = deps.config.CONVERSATION_LABELS
      if (labels.length > most)
        throw invalid([{ in: 'body', pointer: '/add', message: `a conversation has at most ${most} labels` }])
      const after = await changeConversation(tx, before, 'conversation.labelled', { labels })
      auditConversation(tx, { actor, ...origin }, 'conversation.label', before, after)
      return after
    },
    presentActor(actor),
  )
}

function relabel(
  labels: readonly string[],
  { add = [], remove = [] }: { add?: readonly string[] | undefined; remove?: readonly string[] | undefined },
): string[] {
  const gone = new Set(remove.map((label) => label.trim()))
  const added = add.map((label) => label.trim())
  // A label that is taken off and put on again stays where it was.
  const kept = labels.filter((label) => !gone.has(label) || added.includes(label))
  return [...new Set([...kept, ...added])]
}
