import type { ProviderChannel, ProviderIo, SendOutcome } from '../port.ts'
import { field, recordOf } from '../untrusted.ts'
import { postGraphJson } from './graph.ts'
import { failureOf, unclearAnswer } from './outcome.ts'

/**
 * Marks a message, and with it all earlier ones of the chat, as read; `typing` shows "typing…" until our answer or for 25
 * seconds. Works for 30 days after receipt. Doing it twice does no harm, so a broken call is `later`, never unknown.
 */
export async function markMessageRead(
  channel: ProviderChannel,
  to: { readonly providerMessageId: string; readonly typing: boolean },
  io: ProviderIo,
): Promise<SendOutcome> {
  const call = await postGraphJson(channel, io, `/${channel.settings.phoneNumberId}/messages`, {
    messaging_product: 'whatsapp',
    status: 'read',
    message_id: to.providerMessageId,
    ...(to.typing && { typing_indicator: { type: 'text' } }),
  })
  if (call.kind !== 'answer' || call.status !== 200) return failureOf(call, io, false)
  if (field(recordOf(call.json), 'success') !== true) return unclearAnswer(call.status, false)
  return { kind: 'accepted', providerMessageId: to.providerMessageId }
}
