import type { DeliveryStatus, InboundMessage, Person } from '../../inbound.ts'
import { field, inner, instantOf, textIn, type Untrusted } from '../../untrusted.ts'
import { errorList } from '../error-object.ts'
import { contentOf } from './content.ts'
import { readEdit, readRevoke } from './edits.ts'
import { type Part, type Reading, requiredId, Unreadable } from './part.ts'
import { identitiesOf, personOf } from './people.ts'
import { besideOf } from './reply-context.ts'
import { readRequestWelcome, readSystem } from './system.ts'

/** Where a message stands; the shape of the message itself is the same live, echoed and imported. */
export interface Setting {
  readonly direction: 'in' | 'out'
  readonly origin: InboundMessage['origin']
  readonly chat: Person
  readonly sender?: Person
  readonly status?: DeliveryStatus
}

/** One element of `value.messages` under the field `messages`: a user wrote, reacted, changed something. */
export function readLiveMessage(reading: Reading, part: Part, message: Untrusted): void {
  const writer = personOf(part, {
    number: message.from,
    userId: message.from_user_id,
    parentUserId: message.from_parent_user_id,
  })
  if (writer === undefined) throw new Unreadable('a message without a sender')
  if (textIn(message, 'type') === 'system') {
    readSystem(reading, part, message, writer)
    return
  }
  if (textIn(message, 'type') === 'request_welcome') {
    readRequestWelcome(reading, part, message, writer)
    return
  }
  if (inner(message, 'identity') !== undefined) {
    reading.ignored.push(`the identity check beside message ${requiredId(message)} is not used`)
  }
  const groupId = textIn(message, 'group_id')
  readMessage(reading, part, message, {
    direction: 'in',
    origin: 'live',
    ...(groupId === undefined
      ? { chat: writer }
      : { chat: { identities: identitiesOf({ group: groupId }) }, sender: writer }),
  })
}

/** A message in its setting: content, reaction, edit or revoke. */
export function readMessage(reading: Reading, part: Part, message: Untrusted, setting: Setting): void {
  const providerMessageId = requiredId(message)
  const at = instantOf(message.timestamp) ?? part.at
  const type = textIn(message, 'type')
  if (type === 'reaction') {
    readReaction(reading, message, setting, providerMessageId, at)
    return
  }
  if (type === 'edit') {
    readEdit(reading, message, setting, providerMessageId, at)
    return
  }
  if (type === 'revoke') {
    readRevoke(reading, message, setting, at)
    return
  }
  const content = contentOf(message)
  const beside = besideOf(message)
  const own = errorList(field(message, 'errors'))
  // Errors of the whole value explain a message that arrived without its content; a readable one does not need them.
  const errors = own.length === 0 && content.type === 'unsupported' ? part.errors : own
  reading.items.push({
    kind: 'message',
    at,
    providerMessageId,
    direction: setting.direction,
    origin: setting.origin,
    chat: setting.chat,
    type: content.type,
    text: content.text,
    payload: {
      ...content.payload,
      ...beside.payload,
      ...(errors.length > 0 && { errors }),
      ...(setting.sender && { participant: setting.sender }),
    },
    opensWindow: setting.direction === 'in' && setting.origin === 'live',
    ...(setting.sender && { sender: setting.sender }),
    ...(setting.status && { status: setting.status }),
    ...(content.media && { media: content.media }),
    ...(beside.replyTo && { replyTo: beside.replyTo }),
    ...(content.raw !== undefined && { raw: content.raw }),
  })
}

function readReaction(
  reading: Reading,
  message: Untrusted,
  setting: Setting,
  providerMessageId: string,
  at: Date,
): void {
  const reaction = inner(message, 'reaction')
  const target = textIn(reaction, 'message_id')
  if (target === undefined) throw new Unreadable('a reaction without the message that it is about')
  reading.items.push({
    kind: 'reaction',
    at,
    providerMessageId,
    targetProviderMessageId: target,
    // Taken back: `emoji` is empty in one of Meta's examples and missing in the next.
    emoji: textIn(reaction, 'emoji') ?? null,
    chat: setting.chat,
    direction: setting.direction,
    ...(setting.sender && { sender: setting.sender }),
  })
}
