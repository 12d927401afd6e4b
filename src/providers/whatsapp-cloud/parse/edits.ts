import type { InboundEdit, Person } from '../../inbound.ts'
import { inner, textIn, type Untrusted } from '../../untrusted.ts'
import { contentOf } from './content.ts'
import { type Reading, Unreadable } from './part.ts'

/** Whose side changes a message of which chat. */
interface Editor {
  readonly chat: Person
  readonly direction: NonNullable<InboundEdit['direction']>
}

/**
 * An edit carries the whole new message; a caption edit comes as the media object with the new caption. Its `context` holds
 * placeholders (`M0`) and is not used. May arrive before its original, or for one that we never had.
 */
export function readEdit(
  reading: Reading,
  message: Untrusted,
  { chat, direction }: Editor,
  providerMessageId: string,
  at: Date,
): void {
  const edit = inner(message, 'edit')
  const target = textIn(edit, 'original_message_id')
  const edited = inner(edit, 'message')
  if (target === undefined || edited === undefined) {
    throw new Unreadable('an edit without its original or its content')
  }
  const content = contentOf(edited)
  if (content.type === 'unsupported') throw new Unreadable('an edit whose content is not readable')
  reading.items.push({
    kind: 'edit',
    at,
    providerMessageId,
    targetProviderMessageId: target,
    chat,
    direction,
    text: content.text,
    type: content.type,
    payload: content.payload,
  })
}

export function readRevoke(
  reading: Reading,
  message: Untrusted,
  { chat, direction }: Editor,
  at: Date,
): void {
  const target = textIn(inner(message, 'revoke'), 'original_message_id')
  if (target === undefined) throw new Unreadable('a deletion without the message that it is about')
  reading.items.push({ kind: 'revoke', at, targetProviderMessageId: target, chat, direction })
}
