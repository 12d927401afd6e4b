import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ConversationView } from '../../contract/conversation.ts'
import { Failure } from '../../contract/errors.ts'
import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import { auditConversation, type Origin } from './audit-conversation.ts'
import { changeConversation } from './change-conversation.ts'
import { lockConversation, viewConversation } from './load-conversations.ts'
import { placeOf } from './present-conversation.ts'

/**
 * Takes a conversation that nobody has. The first wins; claiming one's own again is a success without an event.
 * Fails with `already_claimed` (`details.owner`) for the second, also when the winner's claim just took the conversation
 * out of the loser's sight: whoever could have claimed it were it free is told who did (CON3). Fails with
 * `conversation_closed` when it is resolved, and with `forbidden` for keys, which are nobody a customer could talk to.
 */
export function claimConversation(
  deps: LogDeps,
  actor: Actor,
  input: { conversationId: string },
  origin: Origin = {},
): Promise<ConversationView> {
  return inTenant(
    deps,
    actor.tenantId,
    async (tx) => {
      const before = await lockConversation(tx, input.conversationId)
      permit(actor, 'conversation.work', { ...placeOf(before), assigneeId: null })
      if (actor.kind !== 'user')
        throw new Failure('forbidden', {}, { message: 'only a person can claim a conversation' })
      if (before.assignee_id === actor.id) return viewConversation(tx, before.id)
      if (before.assignee_id !== null) {
        const { assignee } = await viewConversation(tx, before.id)
        throw new Failure('already_claimed', { conversationId: before.id, owner: assignee })
      }
      if (before.status === 'resolved')
        throw new Failure('conversation_closed', { conversationId: before.id })
      const after = await changeConversation(tx, before, 'conversation.assigned', { assignee_id: actor.id })
      auditConversation(tx, { actor, ...origin }, 'conversation.claim', before, after)
      return after
    },
    presentActor(actor),
  )
}
