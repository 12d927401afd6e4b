import type { MessageType } from '../../contract/message.ts'
import type { ProviderAdapter } from '../port.ts'
import { field, inner, listOf, mimeTypeOf, numberIn, recordOf, textIn, type Untrusted } from '../untrusted.ts'
import { interactiveProblem } from './refuse-interactive.ts'
import { lengthOf, tooLong } from './text-length.ts'

export const sendable: ReadonlySet<MessageType> = new Set<MessageType>([
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
  'template',
  'reaction',
])

const longestText = 4096
const longestCaption = 1024
const mostContacts = 257
const longestTemplateName = 512

const megabyte = 1_048_576

/** Files that Meta takes (reference 10). Documents: any type is accepted in practice. Stickers: the limit of animated ones. */
const files: ReadonlyMap<
  MessageType,
  { readonly types: ReadonlySet<string> | null; readonly bytes: number }
> = new Map([
  ['image', { types: new Set(['image/jpeg', 'image/png']), bytes: 5 * megabyte }],
  ['video', { types: new Set(['video/mp4', 'video/3gpp']), bytes: 16 * megabyte }],
  [
    'audio',
    {
      types: new Set(['audio/aac', 'audio/amr', 'audio/mpeg', 'audio/mp4', 'audio/ogg']),
      bytes: 16 * megabyte,
    },
  ],
  ['voice', { types: new Set(['audio/ogg']), bytes: 16 * megabyte }],
  ['document', { types: null, bytes: 100 * megabyte }],
  ['sticker', { types: new Set(['image/webp']), bytes: 500 * 1024 }],
])

/** Why Meta would not take this message, in a sentence; null when nothing documented speaks against it. */
export function refuseMessage(message: Parameters<ProviderAdapter['refuse']>[0]): string | null {
  const { type, text, payload } = message
  if (!sendable.has(type)) return `WhatsApp cannot send a message of type ${type}.`
  if (message.media !== undefined) {
    const problem = fileProblem(type, mimeTypeOf(message.media.mimeType), message.media.sizeBytes)
    if (problem !== null) return problem
  }
  switch (type) {
    case 'text':
      if (text === null || text.trim() === '') return 'A text message needs a text.'
      return tooLong('The text', text, longestText)
    case 'image':
    case 'video':
    case 'document':
      return text === null ? null : tooLong('The caption', text, longestCaption)
    case 'audio':
    case 'voice':
    case 'sticker':
      return text === null || text === '' ? null : `A message of type ${type} cannot have a caption.`
    case 'location':
      return locationProblem(payload)
    case 'contacts':
      return contactsProblem(payload)
    case 'interactive': {
      const interactive = inner(payload, 'interactive')
      return interactive === undefined
        ? 'The interactive object is missing.'
        : interactiveProblem(interactive)
    }
    case 'template':
      return templateProblem(inner(payload, 'template'))
    case 'reaction':
      return reactionProblem(payload)
    default:
      return null
  }
}

function fileProblem(type: MessageType, mimeType: string, sizeBytes: number): string | null {
  const rule = files.get(type)
  if (rule === undefined) return null
  if (rule.types !== null && !rule.types.has(mimeType)) {
    return `A file of type ${mimeType} cannot be sent as ${type}; WhatsApp takes ${[...rule.types].join(', ')}.`
  }
  if (sizeBytes <= 0) return 'The file is empty.'
  if (sizeBytes <= rule.bytes) return null
  return `The file has ${sizeBytes} bytes; WhatsApp takes at most ${rule.bytes} as ${type}.`
}

function locationProblem(payload: Untrusted): string | null {
  const latitude = numberIn(payload, 'latitude')
  const longitude = numberIn(payload, 'longitude')
  if (latitude === undefined || longitude === undefined) return 'A location needs latitude and longitude.'
  if (Math.abs(latitude) > 90) return 'The latitude must be between -90 and 90.'
  if (Math.abs(longitude) > 180) return 'The longitude must be between -180 and 180.'
  return null
}

function contactsProblem(payload: Untrusted): string | null {
  const cards = listOf(field(payload, 'contacts'))
  if (cards.length === 0) return 'A contacts message needs at least one contact.'
  if (cards.length > mostContacts) {
    return `A contacts message holds at most ${mostContacts} contacts; this has ${cards.length}.`
  }
  const nameless = cards.some((value) => {
    const card = recordOf(value)
    return (textIn(card, 'name') ?? textIn(card, 'firstName') ?? textIn(card, 'lastName')) === undefined
  })
  return nameless ? 'Every contact needs a name.' : null
}

function templateProblem(template: Untrusted | undefined): string | null {
  const name = textIn(template, 'name')
  if (name === undefined) return 'A template message needs the name of the template.'
  const code = textIn(template, 'language') ?? textIn(inner(template, 'language'), 'code')
  if (code === undefined) return 'A template message needs the language of the template.'
  const components = field(template, 'components')
  if (components !== undefined && !Array.isArray(components))
    return 'The components of a template are a list.'
  return tooLong('The name of the template', name, longestTemplateName)
}

function reactionProblem(payload: Untrusted): string | null {
  if (textIn(payload, 'targetProviderMessageId') === undefined) {
    return 'A reaction needs the message that it is about, and the network must know that message.'
  }
  const emoji = textIn(payload, 'emoji')
  return emoji !== undefined && lengthOf(emoji) > 16 ? 'A reaction is one emoji.' : null
}
