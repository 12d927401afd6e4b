import type { MessageType } from '../../../contract/message.ts'
import {
  field,
  flagIn,
  inner,
  listOf,
  mimeTypeOf,
  numberIn,
  present,
  recordOf,
  sha256Of,
  storable,
  textIn,
  type Untrusted,
} from '../../untrusted.ts'
import { contactCards } from './contact-cards.ts'
import type { Content } from './content-shape.ts'
import { interactiveContent } from './interactive.ts'

const readers = new Map<string, (message: Untrusted) => Content | undefined>([
  ['text', textContent],
  ['image', (message) => mediaContent(message, 'image', 'image')],
  ['video', (message) => mediaContent(message, 'video', 'video')],
  ['audio', audioContent],
  // Relics of the retired on-premises API that are still seen in test suites.
  ['voice', (message) => mediaContent(message, 'voice', 'voice')],
  ['gif', (message) => mediaContent(message, 'gif', 'video', { gif: true })],
  ['document', (message) => mediaContent(message, 'document', 'document')],
  ['sticker', stickerContent],
  ['location', locationContent],
  ['contacts', contactsContent],
  ['interactive', (message: Untrusted) => interactiveContent(inner(message, 'interactive'))],
  ['button', templateButtonContent],
  ['order', orderContent],
  ['media_placeholder', placeholderContent],
])

/**
 * The content of a message by its `type`. A type that we do not know, or one whose object is missing or useless, becomes
 * `unsupported` with the raw message: shown neutrally, never dropped.
 */
export function contentOf(message: Untrusted): Content {
  const type = textIn(message, 'type') ?? 'missing'
  return readers.get(type)?.(message) ?? unsupported(message, type)
}

function unsupported(message: Untrusted, type: string): Content {
  const what = textIn(inner(message, 'unsupported'), 'type') ?? type
  return { type: 'unsupported', text: null, payload: { what }, raw: storable(message) }
}

function textContent(message: Untrusted): Content | undefined {
  const text = textIn(inner(message, 'text'), 'body')
  return text === undefined ? undefined : { type: 'text', text, payload: {} }
}

function audioContent(message: Untrusted): Content | undefined {
  const recorded = flagIn(inner(message, 'audio'), 'voice') === true
  return mediaContent(message, 'audio', recorded ? 'voice' : 'audio')
}

function stickerContent(message: Untrusted): Content | undefined {
  const animated = flagIn(inner(message, 'sticker'), 'animated')
  return mediaContent(message, 'sticker', 'sticker', present({ animated }))
}

/** The webhook's own `url` is left out on purpose: it lives five minutes, a queued job or a repeated webhook is later. */
function mediaContent(
  message: Untrusted,
  name: string,
  type: MessageType,
  payload: Record<string, unknown> = {},
): Content | undefined {
  const file = inner(message, name)
  const mediaId = textIn(file, 'id')
  if (file === undefined || mediaId === undefined) return undefined
  return {
    type,
    text: textIn(file, 'caption') ?? null,
    payload,
    media: {
      ref: { id: mediaId },
      mimeType: mimeTypeOf(file.mime_type),
      ...present({
        sha256: sha256Of(file.sha256),
        sizeBytes: numberIn(file, 'file_size'),
        fileName: textIn(file, 'filename'),
      }),
    },
  }
}

function locationContent(message: Untrusted): Content | undefined {
  const location = inner(message, 'location')
  const latitude = numberIn(location, 'latitude')
  const longitude = numberIn(location, 'longitude')
  if (latitude === undefined || longitude === undefined) return undefined
  const name = textIn(location, 'name')
  const address = textIn(location, 'address')
  return {
    type: 'location',
    text: name ?? address ?? null,
    payload: { latitude, longitude, ...present({ name, address, url: textIn(location, 'url') }) },
  }
}

function contactsContent(message: Untrusted): Content | undefined {
  const list = listOf(field(message, 'contacts'))
  const cards = contactCards(list)
  if (cards.length === 0) return undefined
  const origin = list.map((card) => textIn(recordOf(card), 'origin')).find((value) => value !== undefined)
  const names = cards.map((card) => card.name).filter((name) => name !== '')
  return {
    type: 'contacts',
    text: names.length > 0 ? names.join(', ') : null,
    payload: { contacts: cards, ...present({ origin }) },
  }
}

/** A tap on a quick-reply button of a template. */
function templateButtonContent(message: Untrusted): Content | undefined {
  const button = inner(message, 'button')
  const title = textIn(button, 'text')
  const id = textIn(button, 'payload')
  if (title === undefined && id === undefined) return undefined
  return {
    type: 'button_reply',
    text: title ?? null,
    payload: { id: id ?? title, title: title ?? id, quickReply: true },
  }
}

function orderContent(message: Untrusted): Content | undefined {
  const order = inner(message, 'order')
  if (order === undefined) return undefined
  const items = listOf(field(order, 'product_items')).flatMap((value) => {
    const item = recordOf(value)
    const sku = textIn(item, 'product_retailer_id')
    if (sku === undefined) return []
    return [
      {
        sku,
        quantity: numberIn(item, 'quantity') ?? 1,
        ...present({ price: numberIn(item, 'item_price'), currency: textIn(item, 'currency') }),
      },
    ]
  })
  return {
    type: 'order',
    text: textIn(order, 'text') ?? null,
    payload: { ...present({ catalogId: textIn(order, 'catalog_id') }), items },
  }
}

/** Imported history names a file before it sends it; the same message id comes again with the file. */
function placeholderContent(): Content {
  return { type: 'system', text: 'A file that is still being imported', payload: { event: 'placeholder' } }
}
