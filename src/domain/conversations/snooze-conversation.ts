import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ConversationView } from '../../contract/conversation.ts'
import { Failure } from '../../contract/errors.ts'
import { invalid } from '../../http/faults.ts'
import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import { auditConversation, type Origin } from './audit-conversation.ts'
import { changeConversation } from './change-conversation.ts'
import { lockConversation, viewConversation } from './load-conversations.ts'
import { placeOf } from './present-conversation.ts'

/**
 * Lets a conversation sleep until a time, or until its customer writes. The same time again is a success without an event.
 * Fails with `validation_failed` when the time is not in the future, and with `conversation_closed` when it is resolved.
 */
export function snoozeConversation(
  deps: LogDeps,
  actor: Actor,
  input: { conversationId: string; snoozedUntil: string },
  origin: Origin = {},
): Promise<ConversationView> {
  return inTenant(
    deps,
    actor.tenantId,
    async (tx) => {
      const before = await lockConversation(tx, input.conversationId)
      permit(actor, 'conversation.work', placeOf(before))
      const until = new Date(input.snoozedUntil)
      if (!(until > tx.now))
        throw invalid([{ in: 'body', pointer: '/snoozedUntil', message: 'must be in the future' }])
      if (before.status === 'resolved')
        throw new Failure('conversation_closed', { conversationId: before.id })
      if (before.status === 'snoozed' && before.snoozed_until === until.toISOString())
        return viewConversation(tx, before.id)
      const after = await changeConversation(tx, before, 'conversation.snoozed', {
        status: 'snoozed',
        snoozed_until: until.toISOString(),
      })
      auditConversation(tx, { actor, ...origin }, 'conversation.snooze', before, after)
      return after
    },
    presentActor(actor),
  )
}
