import type { ImportView } from '../../contract/crm/import.ts'
import type { ContactView } from '../../contract/records.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
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
import { keptText } from './kept-text.ts'
import { joinNames, splitNames } from './name-list.ts'
import type { RowInput } from './read-row.ts'

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
    email: 'id = any (array(select contact_id from contacts_with_email($2)))',
    phone: `id = any (array(select i.contact_id from contact_identities i
      where i.tenant_id = $1 and i.kind in ('phone', 'wa_id') and i.value = substr($2, 2)))`,
    id: 'id = $2::integer',
  },
  // Contacts with addresses are made under it; before any contact is locked, as wherever both are held.
  lockFirst: holdNewContacts,
  drafting: {
    tables: { contacts: 'id', contact_identities: 'contact_id' },
    keysOfRecord: (upsertKey) => `array(
      select 'id ' || r.id
      union select 'first ' || r.customer_id where r.is_primary and r.customer_id is not null
      ${upsertKey === 'email' ? `union select 'email ' || lower(r.email) where r.email is not null` : ''}
      union select case when i.kind in ('phone', 'wa_id') then 'phone +' else i.kind || ' ' end || i.value
        from contact_identities i where i.tenant_id = r.tenant_id and i.contact_id = r.id)`,
    keysOfRows: async (tx, upsertKey, rows) => {
      const keys = rows.flatMap((row) => [keptText(contactKind, upsertKey, row) ?? [], addresses(row)].flat())
      const atHome = rows.filter(({ values }) => values['isPrimary'] === true && !('customerId' in values))
      return [...keys, ...rows.flatMap(firstOf), ...(await firstAtHome(tx, upsertKey, atHome))]
    },
    makeRoom: 'update contacts set is_primary = false where tenant_id = $1 and id = any($2) and is_primary',
  },
})

/** The addresses that a row gives, each of which belongs to one contact. */
function addresses({ values }: RowInput): string[] {
  const { phone, identities: given } = values
  const input = contactKind.part.safeParse({ identities: given }).data as Pick<ContactView, 'identities'>
  const listed = input?.identities ?? []
  const number = contactKind.part.safeParse({ phone }).data?.['phone']
  return [
    ...(typeof number === 'string' ? [`phone ${number}`] : []),
    ...listed.map(({ kind, value }) =>
      kind === 'phone' || kind === 'wa_id' ? `phone +${value}` : `${kind} ${value}`,
    ),
  ]
}

/** The customer whose first person a row may make. */
const firstOf = ({ values }: RowInput): string[] =>
  typeof values['customerId'] === 'number' ? [`first ${values['customerId']}`] : []

/** The same of rows that do not say which customer: that of whom they find, which no row of such a file can change. */
async function firstAtHome(
  tx: TenantTx,
  upsertKey: ImportView['upsertKey'],
  rows: readonly RowInput[],
): Promise<string[]> {
  const texts = rows.flatMap((row) => keptText(contactKind, upsertKey, row) ?? [])
  if (texts.length === 0) return []
  const values = texts.map((text) => text.slice(text.indexOf(' ') + 1))
  const found = {
    id: 'select v.value::integer from given v',
    phone: `select i.contact_id from given v join contact_identities i
      on i.tenant_id = $1 and i.kind in ('phone', 'wa_id') and i.value = substr(v.value, 2)`,
    email: 'select e.contact_id from given v, contacts_with_email(v.value) e',
    none: 'select null::integer',
  }[upsertKey]
  const customers = await tx.query<{ key: string }>(
    `with given as (select unnest($2::text[]) as value)
     select distinct 'first ' || c.customer_id as key from contacts c
     where c.tenant_id = $1 and c.customer_id is not null and c.id in (${found})`,
    [tx.tenantId, values],
  )
  return customers.map(({ key }) => key)
}
