import { field, listOf, textIn } from '../../untrusted.ts'
import { type ContentReader } from './content-shape.ts'
import { isRecord } from './dialect.ts'
import { type Card, readVcard } from './vcard.ts'

/** WhatsApp lets people share this many at once and more; nobody looks at more. */
const mostCards = 257

export const readContact: ContentReader = (part) => {
  const card = readVcard(textIn(part, 'vcard') ?? '', textIn(part, 'displayName'))
  return card === null ? null : ofCards([card])
}

export const readContacts: ContentReader = (part) => {
  const cards = listOf(field(part, 'contacts'))
    .slice(0, mostCards)
    .map((entry) =>
      isRecord(entry) ? readVcard(textIn(entry, 'vcard') ?? '', textIn(entry, 'displayName')) : null,
    )
    .filter((card) => card !== null)
  return cards.length === 0 ? null : ofCards(cards)
}

function ofCards(contacts: readonly Card[]) {
  return {
    type: 'contacts' as const,
    text: contacts.map((card) => card.name).join(', '),
    payload: { contacts },
  }
}
