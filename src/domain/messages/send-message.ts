import type { Actor } from '../../auth/actor.ts'
import type { SendMessageInput } from '../../contract/socket.ts'
import { type SendDeps, type Sent, submitSend } from './send-lane.ts'

/**
 * Queues a message: one key, one message (OUT2). Settles when it is committed, together with `message.queued`; workers
 * send it afterwards in the order of its conversation.
 *
 * Fails, without having written anything, with `validation_failed`, `not_found`, `forbidden`, `idempotency_key_reused`,
 * `conversation_closed`, `contact_blocked`, `contact_unreachable`, `channel_down`, `type_unsupported`,
 * `template_not_approved`, `consent_denied`, `window_closed`, `colleague_replied`, `media_not_ready`, `rate_limited` (too
 * many wait in this process) or `unavailable`; after the last one ask again with the same key.
 */
export async function sendMessage(
  deps: SendDeps,
  actor: Actor,
  input: SendMessageInput & { readonly conversationId: string },
): Promise<Sent> {
  return submitSend(deps, actor, input)
}
