import type { Identity } from '../inbound.ts'
import type { ProviderChannel, ProviderIo, SendOutcome } from '../port.ts'
import { outcomeOf, refused } from './outcome.ts'
import { jidFor } from './recipient.ts'
import { isServer, post, serverOf } from './server.ts'

/** How long the customer sees "typing…". The server's answer takes as long, so nobody waits for it. */
const typingMs = 3_000

/**
 * Marks a message of the customer as read and, with `typing`, shows that we are writing. Servers before 2.4 silently
 * skip chats that are known by their hidden id only.
 */
export async function markRead(
  channel: ProviderChannel,
  to: { readonly providerMessageId: string; readonly chat: readonly Identity[]; readonly typing: boolean },
  io: ProviderIo,
): Promise<SendOutcome> {
  const remoteJid = jidFor(to.chat)
  if (remoteJid === null) {
    return refused(
      'contact_unreachable',
      'The contact cannot be reached',
      'there is no number, hidden id or group',
    )
  }
  const server = serverOf(channel, io)
  if (!isServer(server)) return { kind: 'refused', error: server, stopChannel: true }
  if (to.typing) {
    // Bounded by io.timeoutMs, never rejects, and nothing depends on its answer.
    void post(io, server, 'chat/sendPresence', { number: remoteJid, presence: 'composing', delay: typingMs })
  }
  const readMessages = [{ remoteJid, fromMe: false, id: to.providerMessageId }]
  const call = await post(io, server, 'chat/markMessageAsRead', { readMessages })
  if (call.kind === 'answer' && (call.status === 200 || call.status === 201)) {
    return { kind: 'accepted', providerMessageId: to.providerMessageId }
  }
  return outcomeOf(call, server, io.now(), undefined)
}
