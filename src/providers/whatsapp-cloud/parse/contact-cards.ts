import {
  field,
  inner,
  listOf,
  present,
  recordOf,
  storableRecord,
  textIn,
  type Untrusted,
} from '../../untrusted.ts'

/** One shared contact card; see docs/messages.md. */
export interface ContactCard {
  readonly name: string
  readonly phones: readonly Record<string, unknown>[]
  readonly [more: string]: unknown
}

/** The cards of a `contacts` message; elements that are no objects are left out. */
export function contactCards(list: readonly unknown[]): readonly ContactCard[] {
  return list.flatMap((value) => {
    const card = recordOf(value)
    return card === undefined ? [] : [contactCard(card)]
  })
}

function contactCard(card: Untrusted): ContactCard {
  const name = inner(card, 'name')
  const firstName = textIn(name, 'first_name')
  const lastName = textIn(name, 'last_name')
  const organization = inner(card, 'org')
  return {
    name: textIn(name, 'formatted_name') ?? [firstName, lastName].filter(Boolean).join(' '),
    phones: entries(card, 'phones', (phone) => {
      const waId = textIn(phone, 'wa_id')
      const number = textIn(phone, 'phone') ?? waId
      return number === undefined
        ? undefined
        : { phone: number, ...present({ waId, type: textIn(phone, 'type') }) }
    }),
    emails: entries(card, 'emails', (email) => {
      const address = textIn(email, 'email')
      return address === undefined
        ? undefined
        : { email: address, ...present({ type: textIn(email, 'type') }) }
    }),
    addresses: entries(card, 'addresses', (address) => storableRecord(address)),
    urls: entries(card, 'urls', (link) => {
      const url = textIn(link, 'url')
      return url === undefined ? undefined : { url, ...present({ type: textIn(link, 'type') }) }
    }),
    ...present({
      firstName,
      lastName,
      organization: textIn(organization, 'company'),
      title: textIn(organization, 'title'),
      birthday: textIn(card, 'birthday'),
      vcard: textIn(card, 'vcard'),
    }),
  }
}

function entries(
  card: Untrusted,
  name: string,
  read: (record: Untrusted) => Record<string, unknown> | undefined,
): Record<string, unknown>[] {
  return listOf(field(card, name)).flatMap((value) => {
    const record = recordOf(value)
    const entry = record === undefined ? undefined : read(record)
    return entry === undefined ? [] : [entry]
  })
}
