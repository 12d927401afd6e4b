import type { ContactView } from '../../contract/records.ts'
import { contactKind } from '../contacts/contact-kind.ts'
import { holdNewContacts } from '../contacts/resolve-people.ts'
import {
  customColumns,
  type FileColumn,
  flagColumns,
  numberColumns,
  shownColumns,
  textColumns,
} from './file-columns.ts'
import { anyFile } from './file-kind.ts'
import { joinNames, splitNames } from './name-list.ts'

/** `phone:4917012345; username:ana`. What a network alone gives is shown and left as it is. */
const identities: FileColumn<ContactView> = {
  name: 'identities',
  show: (contact) => joinNames(contact.identities.map(({ kind, value }) => `${kind}:${value}`)),
  member: 'identities',
  read: (text) => {
    const given = splitNames(text).map((part) => {
      const [kind = '', ...rest] = part.split(':')
      return { kind: kind.trim().toLowerCase(), value: rest.join(':').trim() }
    })
    const wrong = given.find(({ kind, value }) => kind === '' || value === '')
    if (wrong) return { fault: 'expected addresses such as phone:4917012345; username:ana' }
    return { value: given.some(({ kind }) => kind === 'group') ? undefined : given }
  },
  // A file that does not know them takes nobody's addresses away.
  empty: undefined,
}

/** Files of contacts. Found by a number, a contact is the one that has it among its addresses. */
export const contactFile = anyFile({
  kind: { ...contactKind, noun: 'contact' },
  columns: (known) => [
    ...shownColumns<ContactView>('id'),
    ...textColumns<ContactView>('firstName', 'lastName', 'email', 'phone', 'title'),
    ...numberColumns<ContactView>('customerId'),
    ...flagColumns<ContactView>('isPrimary'),
    ...textColumns<ContactView>('language', 'timezone'),
    ...flagColumns<ContactView>('blocked'),
    identities,
    ...customColumns<ContactView>(known),
    ...shownColumns<ContactView>('createdAt', 'updatedAt'),
  ],
  needed: 'firstName',
  found: {
    email: 'id in (select contact_id from contacts_with_email($2))',
    phone: `id in (select i.contact_id from contact_identities i
      where i.tenant_id = $1 and i.kind in ('phone', 'wa_id') and i.value = substr($2, 2))`,
    id: 'id = $2::integer',
  },
  // Contacts with addresses are made under it; before any contact is locked, as wherever both are held.
  lockFirst: holdNewContacts,
})
