import type { OutboundMessage } from '../../port.ts'
import { field, inner, listOf, present, recordOf, textIn, type Untrusted } from '../../untrusted.ts'
import { languageOf } from '../parse/templates.ts'

/** A file that is already at Meta: what to call it, and how it is shown. */
export interface UploadedFile {
  readonly id: string
  readonly mimeType: string
  readonly fileName?: string
}

/**
 * The part of a send request that depends on the type (reference 8.1). Template and interactive go as they are, with all
 * their components; a file given beside them becomes their header.
 */
export function contentFields(
  message: OutboundMessage,
  file: UploadedFile | undefined,
): Record<string, unknown> {
  const { payload, text } = message
  switch (message.type) {
    case 'text':
      return { type: 'text', text: { ...(hasLink(text) && { preview_url: true }), body: text ?? '' } }
    case 'image':
    case 'video':
      return { type: message.type, [message.type]: { id: file?.id, ...(text && { caption: text }) } }
    case 'audio':
      return { type: 'audio', audio: { id: file?.id } }
    case 'voice':
      return { type: 'audio', audio: { id: file?.id, voice: true } }
    case 'document':
      return {
        type: 'document',
        document: {
          id: file?.id,
          ...(file?.fileName !== undefined && { filename: file.fileName }),
          ...(text && { caption: text }),
        },
      }
    case 'sticker':
      return { type: 'sticker', sticker: { id: file?.id } }
    case 'location':
      return {
        type: 'location',
        location: present({
          latitude: payload.latitude,
          longitude: payload.longitude,
          name: textIn(payload, 'name'),
          address: textIn(payload, 'address'),
        }),
      }
    case 'contacts':
      return {
        type: 'contacts',
        contacts: listOf(payload.contacts).map((card) => contactOf(recordOf(card) ?? {})),
      }
    case 'reaction':
      return {
        type: 'reaction',
        reaction: {
          message_id: textIn(payload, 'targetProviderMessageId'),
          emoji: textIn(payload, 'emoji') ?? '',
        },
      }
    case 'interactive':
      return { type: 'interactive', interactive: interactiveOf(inner(payload, 'interactive') ?? {}, file) }
    case 'template':
      return { type: 'template', template: templateOf(inner(payload, 'template') ?? {}, file) }
    default:
      throw new Error(`a ${message.type} message cannot be sent`)
  }
}

/** Meta previews the first link of a text, when asked. */
function hasLink(text: string | null): boolean {
  return text !== null && /https?:\/\/\S/i.test(text)
}

function interactiveOf(interactive: Untrusted, file: UploadedFile | undefined): Untrusted {
  return file === undefined ? interactive : { ...interactive, header: mediaParameter(file) }
}

function templateOf(template: Untrusted, file: UploadedFile | undefined): Record<string, unknown> {
  const language = field(template, 'language')
  const given = listOf(field(template, 'components'))
  const header = file && { type: 'header', parameters: [mediaParameter(file)] }
  const others = header === undefined ? given : given.filter((part) => !isHeader(part))
  const components = header === undefined ? others : [header, ...others]
  return {
    name: textIn(template, 'name'),
    language: recordOf(language) ?? { code: languageOf(textIn(template, 'language')) },
    ...(components.length > 0 && { components }),
  }
}

function isHeader(component: unknown): boolean {
  return textIn(recordOf(component), 'type')?.toLowerCase() === 'header'
}

function mediaParameter(file: UploadedFile): Record<string, unknown> {
  const family = file.mimeType.split('/')[0]
  const kind = family === 'image' || family === 'video' ? family : 'document'
  const filename = kind === 'document' ? file.fileName : undefined
  return { type: kind, [kind]: { id: file.id, ...present({ filename }) } }
}

/** A card of ours in Meta's form. `formatted_name` needs another part of the name beside it: the first word will do. */
function contactOf(card: Untrusted): Record<string, unknown> {
  const name =
    textIn(card, 'name') ?? [textIn(card, 'firstName'), textIn(card, 'lastName')].filter(Boolean).join(' ')
  const lastName = textIn(card, 'lastName')
  const firstName = textIn(card, 'firstName') ?? (lastName === undefined ? name.split(' ')[0] : undefined)
  const organization = present({ company: textIn(card, 'organization'), title: textIn(card, 'title') })
  return {
    name: { formatted_name: name, ...present({ first_name: firstName, last_name: lastName }) },
    ...present({
      phones: some(card, 'phones', (phone) =>
        present({ phone: textIn(phone, 'phone'), type: textIn(phone, 'type'), wa_id: textIn(phone, 'waId') }),
      ),
      emails: some(card, 'emails', (email) => email),
      addresses: some(card, 'addresses', (address) => address),
      urls: some(card, 'urls', (url) => url),
      org: Object.keys(organization).length > 0 ? organization : undefined,
      birthday: textIn(card, 'birthday'),
    }),
  }
}

function some(
  card: Untrusted,
  name: string,
  read: (record: Untrusted) => Untrusted,
): Untrusted[] | undefined {
  const list = listOf(field(card, name)).flatMap((value) => {
    const record = recordOf(value)
    return record === undefined ? [] : [read(record)]
  })
  return list.length > 0 ? list : undefined
}
