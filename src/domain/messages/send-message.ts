import type { Actor } from '../../auth/actor.ts'
import { Failure } from '../../contract/errors.ts'
import type { SendMessageInput } from '../../contract/socket.ts'
import { checkUploaded } from '../media/check-uploaded.ts'
import { type SendDeps, type Sent, submitSend } from './send-lane.ts'

/**
 * Queues a message: one key, one message (OUT2). Settles when it is committed, together with `message.queued`; workers
 * send it afterwards in the order of its conversation.
 *
 * Fails, without having written anything, with `validation_failed`, `not_found`, `forbidden`, `idempotency_key_reused`,
 * `conversation_closed`, `contact_blocked`, `contact_unreachable`, `channel_down`, `type_unsupported`,
 * `template_not_approved`, `consent_denied`, `window_closed`, `colleague_replied`, `media_not_ready`, `media_refused`,
 * `rate_limited` (too many wait in this process) or `unavailable`; after the last one ask again with the same key.
 */
export async function sendMessage(
  deps: SendDeps,
  actor: Actor,
  input: SendMessageInput & { readonly conversationId: string },
): Promise<Sent> {
  if (input.media) await lookAtUpload(deps, actor, input.media.id)
  return submitSend(deps, actor, input)
}

/**
 * The first message that refers to an upload makes it a file of ours, or learns that it is not what was announced. This asks
 * the object store, so it comes before the lane; whether the file may be sent by this actor is the gate's to say.
 */
async function lookAtUpload(deps: SendDeps, actor: Actor, id: string): Promise<void> {
  const file = (await checkUploaded(deps, actor.tenantId, [id])).get(id)
  if (file instanceof Failure && file.code === 'media_refused') throw file
}
