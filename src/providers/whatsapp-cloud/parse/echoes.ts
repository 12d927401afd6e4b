import { digitsOf, type Untrusted } from '../../untrusted.ts'
import { readMessage } from './messages.ts'
import { type Part, type Reading, Unreadable } from './part.ts'
import { personOf } from './people.ts'

/**
 * One element of `message_echoes`: somebody of our side wrote in the WhatsApp Business app. Not sent for messages that went
 * through the API. Some captured payloads have `from` and `to` the wrong way round, so the side that is not ours is the chat.
 */
export function readEcho(reading: Reading, part: Part, message: Untrusted): void {
  const swapped = part.ourNumber !== undefined && digitsOf(message.to) === part.ourNumber
  const chat = personOf(
    part,
    swapped
      ? { number: message.from, userId: message.from_user_id, parentUserId: message.from_parent_user_id }
      : { number: message.to, userId: message.to_user_id, parentUserId: message.to_parent_user_id },
  )
  if (chat === undefined) throw new Unreadable('an echo without a recipient')
  readMessage(reading, part, message, { direction: 'out', origin: 'echo', chat, status: 'sent' })
}
