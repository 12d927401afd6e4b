import type { Identity } from '../../inbound.ts'
import type { OutboundMessage, ProviderChannel, ProviderIo, SendOutcome } from '../../port.ts'
import { digitsOf, field, listOf, recordOf, textIn } from '../../untrusted.ts'
import { postGraphJson } from '../graph.ts'
import { failureOf, refusedHere, unclearAnswer } from '../outcome.ts'
import { refuseMessage } from '../refuse.ts'
import { contentFields } from './body.ts'
import { recipientFields } from './recipient.ts'
import { uploadMedia } from './upload.ts'

const mediaTypes: ReadonlySet<string> = new Set(['image', 'video', 'audio', 'voice', 'document', 'sticker'])

/**
 * One attempt to send: the file first when there is one, then the message. Meta has no idempotency key; what makes an unknown
 * outcome resolvable is `biz_opaque_callback_data`, which comes back in the statuses and holds our message id.
 */
export async function sendMessage(
  channel: ProviderChannel,
  message: OutboundMessage,
  io: ProviderIo,
): Promise<SendOutcome> {
  const recipient = recipientFields(message.to)
  if (recipient === undefined) return refusedHere('the recipient has no number and no user id of WhatsApp')
  const problem = refuseMessage(message)
  if (problem !== null) return refusedHere(problem)
  if (mediaTypes.has(message.type) && message.media === undefined) {
    return refusedHere(`a message of type ${message.type} needs a file`)
  }
  const file = message.media === undefined ? undefined : await uploadMedia(channel, message.media, io)
  if (file !== undefined && 'kind' in file) return file
  const quotes = message.replyTo !== undefined && message.type !== 'reaction'
  const call = await postGraphJson(channel, io, `/${channel.settings.phoneNumberId}/messages`, {
    messaging_product: 'whatsapp',
    ...recipient,
    ...(quotes && { context: { message_id: message.replyTo?.providerMessageId } }),
    biz_opaque_callback_data: message.id,
    ...contentFields(message, file),
  })
  if (call.kind !== 'answer' || call.status !== 200) return failureOf(call, io, true)
  return acceptedIn(call.json) ?? failedInside(call, io)
}

/** A 200 with an error object in it is judged by its code, like any other; one with neither id nor error is unclear. */
function failedInside(
  call: Parameters<typeof failureOf>[0] & { kind: 'answer' },
  io: ProviderIo,
): SendOutcome {
  return field(recordOf(call.json), 'error') === undefined
    ? unclearAnswer(call.status, true)
    : failureOf(call, io, true)
}

/** `messages[0].id` and what the answer tells of the recipient: the number as we wrote it can have another `wa_id`. */
function acceptedIn(json: unknown): SendOutcome | undefined {
  const answer = recordOf(json)
  const providerMessageId = textIn(recordOf(listOf(field(answer, 'messages'))[0]), 'id')
  if (providerMessageId === undefined) return undefined
  const contact = recordOf(listOf(field(answer, 'contacts'))[0])
  const waId = digitsOf(contact?.wa_id)
  const userId = textIn(contact, 'user_id')
  const recipient: Identity[] = [
    ...(userId === undefined ? [] : [{ kind: 'bsuid' as const, value: userId }]),
    ...(waId === undefined ? [] : [{ kind: 'wa_id' as const, value: waId }]),
  ]
  return { kind: 'accepted', providerMessageId, ...(recipient.length > 0 && { recipient }) }
}
