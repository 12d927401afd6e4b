import { field, inner, type Untrusted } from '../../untrusted.ts'
import {
  readButtons,
  readInteractive,
  readList,
  readProduct,
  readStructured,
  readTemplate,
} from './business.ts'
import { readContact, readContacts } from './contact-cards.ts'
import type { Content, ContentReader } from './content-shape.ts'
import { isRecord } from './dialect.ts'
import {
  readCallLog,
  readEvent,
  readNumberRequest,
  readPin,
  readPlaceholder,
  readScheduledCall,
} from './events.ts'
import { readLocation } from './location.ts'
import { readAudio, readDocument, readImage, readSticker, readVideo } from './media.ts'
import { readOrder } from './orders.ts'
import { readPoll, readVote } from './polls.ts'
import { readButtonReply, readInteractiveReply, readListReply, readTemplateReply } from './replies.ts'
import { readConversation, readExtendedText, readGroupInvite } from './text.ts'
import { unwrap } from './unwrap.ts'

/** What a message object (`data.message`) turned out to be. */
export type Found =
  | { readonly kind: 'content'; readonly content: Content; readonly message: Untrusted }
  | { readonly kind: 'reaction'; readonly reaction: Untrusted }
  /** The new words of an earlier message, as a protocolMessage. */
  | { readonly kind: 'edit'; readonly protocol: Untrusted }
  /** A kind that we know and do not want, or nothing at all. */
  | { readonly kind: 'nothing'; readonly why: string }
  /** A kind that nobody knows, or that does not hold what it should. */
  | { readonly kind: 'unsupported'; readonly what: string; readonly message: Untrusted }

const readers = new Map<string, ContentReader>([
  ['conversation', readConversation],
  ['extendedTextMessage', readExtendedText],
  ['imageMessage', readImage],
  ['videoMessage', readVideo],
  ['ptvMessage', readVideo],
  ['audioMessage', readAudio],
  ['documentMessage', readDocument],
  ['stickerMessage', readSticker],
  ['locationMessage', readLocation],
  ['liveLocationMessage', readLocation],
  ['contactMessage', readContact],
  ['contactsArrayMessage', readContacts],
  ['pollCreationMessage', readPoll],
  ['pollCreationMessageV2', readPoll],
  ['pollCreationMessageV3', readPoll],
  ['pollUpdateMessage', readVote],
  ['buttonsResponseMessage', readButtonReply],
  ['templateButtonReplyMessage', readTemplateReply],
  ['listResponseMessage', readListReply],
  ['interactiveResponseMessage', readInteractiveReply],
  ['buttonsMessage', readButtons],
  ['listMessage', readList],
  ['templateMessage', readTemplate],
  ['interactiveMessage', readInteractive],
  ['highlyStructuredMessage', readStructured],
  ['orderMessage', readOrder],
  ['productMessage', readProduct],
  ['groupInviteMessage', readGroupInvite],
  ['eventMessage', readEvent],
  ['scheduledCallCreationMessage', readScheduledCall],
  ['callLogMesssage', readCallLog],
  ['pinInChatMessage', readPin],
  ['requestPhoneNumberMessage', readNumberRequest],
  ['placeholderMessage', readPlaceholder],
])

/** Kinds that rule 20.3 drops. */
const unwanted = new Map<string, string>([
  [
    'protocolMessage',
    'a protocol message holds nothing to show; edits and deletions come as their own events',
  ],
  ['encReactionMessage', 'an encrypted reaction cannot be read'],
  ['albumMessage', 'an album header; its pictures come as messages of their own'],
])

/** Carried along with content, or added by the server; never content themselves. */
const companions = new Set([
  'messageContextInfo',
  'senderKeyDistributionMessage',
  'fastRatchetKeySenderKeyDistributionMessage',
  'contextInfo',
  'base64',
  'mediaUrl',
  'speechToText',
])

/**
 * Reads `data.message`: takes wrappers off and then the first key that is content. A kind that we know wins over one
 * that we do not, whatever their order.
 */
export function readContent(wrapped: Untrusted, data: Untrusted): Found {
  const { message, viewOnce, edited } = unwrap(wrapped)
  const names = Object.keys(message).filter((name) => !companions.has(name) && isFilled(field(message, name)))
  const name =
    names.find((key) => readers.has(key) || unwanted.has(key) || key === 'reactionMessage') ?? names[0]
  if (name === undefined)
    return { kind: 'nothing', why: 'a message without content that the server could read' }
  const protocol = inner(message, 'protocolMessage')
  if (name === 'protocolMessage' && edited && protocol !== undefined) return { kind: 'edit', protocol }
  const why = unwanted.get(name)
  if (why !== undefined) return { kind: 'nothing', why }
  const part = field(message, name)
  if (name === 'reactionMessage' && isRecord(part)) return { kind: 'reaction', reaction: part }
  const read = readers.get(name)
  const content = read?.(isRecord(part) ? part : {}, {
    name,
    // The server adds `speechToText` and the like outside of the wrappers.
    message: wrapped === message ? message : { ...wrapped, ...message },
    data,
    viewOnce,
  })
  if (content === undefined || content === null) return { kind: 'unsupported', what: name, message }
  return { kind: 'content', content, message }
}

function isFilled(value: unknown): boolean {
  return isRecord(value) || (typeof value === 'string' && value !== '')
}
