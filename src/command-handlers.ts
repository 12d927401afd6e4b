import type { CommandHandlers } from '../gateway/commands.ts'
import { presentActor } from './auth/actor.ts'
import { completeActivity } from './domain/activities/complete-activity.ts'
import { assignConversation } from './domain/conversations/assign-conversation.ts'
import { claimConversation } from './domain/conversations/claim-conversation.ts'
import { labelConversation } from './domain/conversations/label-conversation.ts'
import { readConversation } from './domain/conversations/read-conversation.ts'
import { setConversationStatus } from './domain/conversations/set-conversation-status.ts'
import { snoozeConversation } from './domain/conversations/snooze-conversation.ts'
import { sendMessage } from './domain/messages/send-message.ts'
import { moveDeal } from './domain/deals/move-deal.ts'
import { addNote } from './domain/notes/add-note.ts'
import { inTenant } from './log/tenant-tx.ts'

/** The use case behind each command of the socket, the same that its REST twin calls. */
export const commandHandlers: CommandHandlers = {
  'message.send': async (deps, actor, input) => (await sendMessage(deps, actor, input)).message,
  'message.react': async (deps, actor, { messageId, emoji, ...input }) =>
    (await sendMessage(deps, actor, { ...input, type: 'reaction', reaction: { messageId, emoji } })).message,
  'note.add': async (deps, actor, input) => (await addNote(deps, actor, input)).note,
  'conversation.read': readConversation,
  'conversation.claim': claimConversation,
  'conversation.assign': assignConversation,
  'conversation.set-status': setConversationStatus,
  'conversation.snooze': snoozeConversation,
  'conversation.label': labelConversation,
  'deal.move': (deps, actor, { dealId, ...input }) =>
    inTenant(
      deps,
      actor.tenantId,
      (tx) => moveDeal(tx, { actor }, deps.config, dealId, input),
      presentActor(actor),
    ),
  'activity.complete': completeActivity,
}
