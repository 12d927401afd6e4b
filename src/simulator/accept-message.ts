import { field, inner, listOf, recordOf, textIn, type Untrusted } from '../providers/untrusted.ts'
import { GraphRefusal, invalidParameter } from './graph-refusal.ts'
import type { MediaFiles } from './media-files.ts'
import { digitsOf, type PhoneNumber } from './phone-number.ts'
import { choicesOf, type SentMessage } from './sent-message.ts'
import { bodyParameters, type Template, templates } from './templates.ts'
import { newWamid } from './wamid.ts'

const mediaTypes: ReadonlySet<string> = new Set(['image', 'video', 'audio', 'document', 'sticker'])
const objectTypes: ReadonlySet<string> = new Set([
  ...mediaTypes,
  'text',
  'location',
  'reaction',
  'interactive',
  'template',
])
const longestText = 4096

/**
 * What Meta makes of a send: the message with a fresh id, or a GraphRefusal. Looks at what Meta looks at before it
 * answers; what goes wrong later (nobody has this number) is told by a status.
 */
export function acceptMessage(number: PhoneNumber, media: MediaFiles, body: Untrusted): SentMessage {
  const to = recipientOf(number, body)
  const type = textIn(body, 'type') ?? 'text'
  if (type !== 'contacts' && !objectTypes.has(type))
    throw invalidParameter(
      `Param type must be one of {${[...objectTypes, 'contacts'].join(', ')}} - got "${type}".`,
    )
  const isThere = type === 'contacts' ? listOf(field(body, type)).length > 0 : inner(body, type) !== undefined
  if (!isThere) throw invalidParameter(`The parameter ${type} is required.`)
  const template = type === 'template' ? templateOf(inner(body, 'template')) : undefined
  if (type === 'text') requireText(inner(body, 'text'))
  if (mediaTypes.has(type)) requireFile(media, inner(body, type))
  return {
    wamid: newWamid(),
    to,
    type,
    callbackData: textIn(body, 'biz_opaque_callback_data'),
    choices: choicesOf(type, body, template),
  }
}

function recipientOf(number: PhoneNumber, body: Untrusted): string {
  if (field(body, 'messaging_product') !== 'whatsapp')
    throw invalidParameter('The parameter messaging_product is required.')
  const to = textIn(body, 'to')
  if (to === undefined) throw invalidParameter('The parameter to is required.')
  const digits = digitsOf(to)
  if (digits.length < 7 || digits.length > 15)
    throw new GraphRefusal(400, 131009, '(#131009) Parameter value is not valid', {
      details: 'Parameter value is not valid: to is no phone number',
    })
  if (digits === digitsOf(number.displayPhoneNumber))
    throw new GraphRefusal(400, 131021, '(#131021) Recipient cannot be sender', {
      details: 'Recipient cannot be sender',
    })
  return digits
}

function requireText(text: Untrusted | undefined): void {
  const body = textIn(text, 'body')
  if (body === undefined) throw invalidParameter("The parameter text['body'] is required.")
  if (Array.from(body).length > longestText)
    throw invalidParameter(`Param text['body'] must be at most ${longestText} characters long.`)
}

/** Only files that were uploaded: links are Meta's to fetch, and there is no internet here. */
function requireFile(media: MediaFiles, file: Untrusted | undefined): void {
  const id = textIn(file, 'id')
  if (id === undefined || !media.has(id))
    throw new GraphRefusal(400, 131009, '(#131009) Parameter value is not valid', {
      details: `Media ID ${id ?? ''} does not exist`,
    })
}

function templateOf(sent: Untrusted | undefined): Template {
  const name = textIn(sent, 'name') ?? ''
  const language = textIn(inner(sent, 'language'), 'code') ?? ''
  const found = templates.find(
    (one) => one.name === name && one.language === language && one.status === 'APPROVED',
  )
  if (found === undefined)
    throw new GraphRefusal(404, 132001, '(#132001) Template name does not exist in the translation', {
      details: `template name (${name}) does not exist in ${language}`,
    })
  const bodyPart = listOf(field(sent, 'components'))
    .map(recordOf)
    .find((one) => textIn(one, 'type')?.toLowerCase() === 'body')
  const given = listOf(field(bodyPart, 'parameters')).length
  const wanted = bodyParameters(found)
  if (given !== wanted)
    throw new GraphRefusal(
      400,
      132000,
      '(#132000) Number of parameters does not match the expected number of params',
      {
        details: `body: number of localizable_params (${given}) does not match the expected number of params (${wanted})`,
      },
    )
  return found
}
