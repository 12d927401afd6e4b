import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ConversationView } from '../../contract/conversation.ts'
import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import { changeConversation } from './change-conversation.ts'
import { lockConversation, viewConversation } from './load-conversations.ts'
import { placeOf } from './present-conversation.ts'

/**
 * Marks everything up to a message as seen. Marks only go forward and never past the newest message; an older or equal
 * mark is a success without an event. What is unread is counted anew, and reading never makes it more (messages of an
 * imported history were never unread).
 *
 * The only change of a conversation that leaves no line in the audit trail: screens do it, all day, by being looked at.
 */
export function readConversation(
  deps: LogDeps,
  actor: Actor,
  input: { conversationId: string; seq: number },
): Promise<ConversationView> {
  return inTenant(
    deps,
    actor.tenantId,
    async (tx) => {
      const before = await lockConversation(tx, input.conversationId)
      permit(actor, 'conversation.work', placeOf(before))
      const readSeq = Math.min(input.seq, before.last_seq)
      if (readSeq <= before.read_seq) return viewConversation(tx, before.id)
      const [after] = await tx.query<{ unread: number }>(
        `select count(*)::integer as unread from messages
         where tenant_id = $1 and conversation_id = $2 and seq > $3 and direction = 'in'`,
        [tx.tenantId, before.id, readSeq],
      )
      tx.nudge('mark-read', { tenantId: tx.tenantId, conversationId: before.id })
      return changeConversation(tx, before, 'conversation.updated', {
        read_seq: readSeq,
        unread_count: Math.min(before.unread_count, after?.unread ?? 0),
      })
    },
    presentActor(actor),
  )
}
