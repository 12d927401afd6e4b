import type { MessageType } from '../../contract/message.ts'
import type { OutboundMessage } from '../port.ts'
import { field, listOf, numberIn, recordOf, textIn } from '../untrusted.ts'
import { numberedText } from './numbered-text.ts'

/** Templates are of the Cloud API; the rest arrives only. */
export const sends: ReadonlySet<MessageType> = new Set<MessageType>([
  'text',
  'image',
  'video',
  'audio',
  'voice',
  'document',
  'sticker',
  'location',
  'contacts',
  'interactive',
  'reaction',
])

/** WhatsApp's limits: a text message and a caption. */
export const mostTextCharacters = 65_536
export const mostCaptionCharacters = 1_024

/** The server takes bodies of 136 MiB, and base64 makes a file a third larger. */
export const mostFileBytes = 100 * 1_024 * 1_024

const captioned: ReadonlySet<MessageType> = new Set<MessageType>(['image', 'video', 'document'])

/** Why the network would not take this message; null when it would. */
export function refuse(message: Pick<OutboundMessage, 'type' | 'text' | 'payload'>): string | null {
  const { type, text } = message
  const payload = recordOf(message.payload)
  if (!sends.has(type)) return `a paired number cannot send a message of type ${type}`
  if (type === 'text') {
    if (text === null || text.trim() === '') return 'the text is empty'
    if (text.length > mostTextCharacters) return `the text is longer than ${mostTextCharacters} characters`
  }
  if (captioned.has(type) && (text?.length ?? 0) > mostCaptionCharacters) {
    return `the caption is longer than ${mostCaptionCharacters} characters`
  }
  if (type === 'location') {
    const latitude = numberIn(payload, 'latitude')
    const longitude = numberIn(payload, 'longitude')
    const isPlace =
      latitude !== undefined &&
      longitude !== undefined &&
      Math.abs(latitude) <= 90 &&
      Math.abs(longitude) <= 180
    if (!isPlace) return 'the location has no valid latitude and longitude'
  }
  if (type === 'contacts') {
    const cards = listOf(field(payload, 'contacts')).map(recordOf)
    if (cards.length === 0) return 'there is no contact to send'
    const isComplete = cards.every(
      (card) =>
        textIn(card, 'name') &&
        listOf(field(card, 'phones')).some((phone) => textIn(recordOf(phone), 'phone')),
    )
    if (!isComplete) return 'each contact needs a name and a phone number'
  }
  if (type === 'interactive' && numberedText(field(payload, 'interactive'), text) === null) {
    return 'a paired number cannot send this kind of interactive message'
  }
  if (type === 'reaction' && textIn(payload, 'targetProviderMessageId') === undefined) {
    return 'the reaction does not say to which message'
  }
  return null
}
