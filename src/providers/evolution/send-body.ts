import { createHash } from 'node:crypto'
import type { Identity } from '../inbound.ts'
import type { OutboundMessage } from '../port.ts'
import { digitsOf, field, listOf, numberIn, present, recordOf, textIn } from '../untrusted.ts'
import { numberedText } from './numbered-text.ts'
import { isGroup, jidFor } from './recipient.ts'

/** A call that sends: the action, its body and, for media, the member that the file goes into. */
export interface SendCall {
  readonly action: string
  readonly body: Readonly<Record<string, unknown>>
  readonly fileMember?: string
}

/**
 * The WhatsApp id that we ask for: 2.4 takes it, older versions ignore it. It follows from our own id, so a message
 * whose outcome is unknown can be recognised when it is heard of, and WhatsApp drops a second copy of it.
 */
export function ownIdOf(message: Pick<OutboundMessage, 'id'>): string {
  return `3EB0${createHash('sha256').update(message.id).digest('hex').slice(0, 18).toUpperCase()}`
}

/** The call for a message that `refuse` lets pass. `number` comes from recipient.ts. */
export function sendCall(message: OutboundMessage, number: string): SendCall {
  const { payload } = message
  const common = {
    number,
    messageId: ownIdOf(message),
    ...quoted(message, number),
    ...mentioned(payload),
  }
  const caption = message.text === null || message.text === '' ? {} : { caption: message.text }
  switch (message.type) {
    case 'image':
    case 'video':
    case 'audio':
    case 'document':
      return {
        action: 'message/sendMedia',
        body: { ...common, mediatype: message.type, ...fileWords(message), ...caption },
        fileMember: 'media',
      }
    case 'voice':
      return { action: 'message/sendWhatsAppAudio', body: { ...common, encoding: true }, fileMember: 'audio' }
    case 'sticker':
      return { action: 'message/sendSticker', body: common, fileMember: 'sticker' }
    case 'location':
      return { action: 'message/sendLocation', body: { ...common, ...place(payload) } }
    case 'contacts':
      return {
        action: 'message/sendContact',
        body: { ...common, contact: listOf(payload.contacts).map(contact) },
      }
    case 'reaction':
      return { action: 'message/sendReaction', body: reaction(message, number) }
    case 'interactive':
      return {
        action: 'message/sendText',
        body: { ...common, text: numberedText(payload.interactive, message.text) ?? '' },
      }
    default:
      return { action: 'message/sendText', body: { ...common, text: message.text ?? '' } }
  }
}

/**
 * The quoted message: its key, and its words in case the server does not keep messages. In a group the words stay
 * away, because only the server knows who wrote them, and it looks that up when they are missing.
 */
function quoted(message: OutboundMessage, number: string): Record<string, unknown> {
  const { replyTo } = message
  if (replyTo === undefined) return {}
  const key = { id: replyTo.providerMessageId, remoteJid: jidFor(message.to), fromMe: replyTo.fromUs }
  const words = isGroup(number) || replyTo.text === null ? {} : { message: { conversation: replyTo.text } }
  return { quoted: { key, ...words } }
}

/** Digits, as the server wants them; hidden ids keep their "@lid". */
function mentioned(payload: OutboundMessage['payload']): Record<string, unknown> {
  const numbers = listOf(payload.mentions).filter((mention) => typeof mention === 'string')
  return numbers.length === 0 ? {} : { mentioned: numbers }
}

/** Base64 documents must have a name, and the name's ending decides what the phone opens it with. */
function fileWords(message: OutboundMessage): Record<string, unknown> {
  const mimeType = message.media?.mimeType
  return present({
    mimetype: mimeType,
    fileName: message.media?.fileName ?? `file.${mimeType?.split('/')[1]?.replace(/\W.*$/, '') ?? 'bin'}`,
  })
}

/** The server requires a name and an address, which a pin on a map does not always have. */
function place(payload: OutboundMessage['payload']): Record<string, unknown> {
  const latitude = numberIn(payload, 'latitude')
  const longitude = numberIn(payload, 'longitude')
  const coordinates = `${latitude}, ${longitude}`
  const name = textIn(payload, 'name')
  const address = textIn(payload, 'address')
  return {
    latitude,
    longitude,
    name: name ?? address ?? coordinates,
    address: address ?? name ?? coordinates,
  }
}

function contact(value: unknown): Record<string, unknown> {
  const card = recordOf(value)
  const phones = listOf(field(card, 'phones')).map(recordOf)
  const phone = phones.find((candidate) => textIn(candidate, 'phone') !== undefined)
  const organization = field(card, 'organization')
  return present({
    fullName: textIn(card, 'name'),
    phoneNumber: textIn(phone, 'phone'),
    wuid: digitsOf(field(phone, 'waId')) ?? digitsOf(field(phone, 'phone')),
    organization: typeof organization === 'string' ? organization : undefined,
    email: textIn(recordOf(listOf(field(card, 'emails'))[0]), 'email'),
    url: textIn(recordOf(listOf(field(card, 'urls'))[0]), 'url'),
  })
}

/** A reaction is addressed by the key of its target alone. */
function reaction(message: OutboundMessage, number: string): Record<string, unknown> {
  const { payload } = message
  const fromMe = payload.targetFromUs === true
  const writer = isGroup(number) && !fromMe ? jidFor(identitiesIn(payload.targetSender)) : null
  return {
    key: {
      remoteJid: jidFor(message.to),
      fromMe,
      id: textIn(payload, 'targetProviderMessageId'),
      ...(writer === null ? {} : { participant: writer }),
    },
    reaction: textIn(payload, 'emoji') ?? '',
  }
}

function identitiesIn(value: unknown): Identity[] {
  const identities: Identity[] = []
  for (const entry of listOf(value).map(recordOf)) {
    const kind = field(entry, 'kind')
    const text = textIn(entry, 'value')
    if ((kind === 'wa_id' || kind === 'phone' || kind === 'lid') && text !== undefined)
      identities.push({ kind, value: text })
  }
  return identities
}
