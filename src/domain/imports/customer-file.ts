import { type CustomerView, customerStatuses } from '../../contract/crm/customer.ts'
import { customerKind } from '../customers/customer-kind.ts'
import {
  choiceColumns,
  customColumns,
  type FileColumn,
  type Known,
  shownColumns,
  textColumns,
} from './file-columns.ts'
import { anyFile } from './file-kind.ts'
import { keptText } from './kept-text.ts'
import { joinNames, splitNames } from './name-list.ts'

/** Files of customers, their tags by name. */
export const customerFile = anyFile({
  kind: { ...customerKind, noun: 'customer' },
  columns: (known) => [
    ...shownColumns<CustomerView>('id'),
    ...textColumns<CustomerView>('name', 'email', 'phone', 'company', 'website', 'address'),
    // A status is never nothing: an empty cell leaves it, or its default.
    ...choiceColumns<CustomerView>(customerStatuses, 'status'),
    ...textColumns<CustomerView>('source', 'ownerId'),
    tagColumn(known),
    ...customColumns<CustomerView>(known),
    ...shownColumns<CustomerView>('createdAt', 'updatedAt'),
  ],
  needed: 'name',
  found: {
    email: 'id = any (array(select customer_id from customers_with_email($2)))',
    phone: 'phone = $2',
    id: 'id = $2::integer',
  },
  drafting: {
    tables: { customers: 'id', customer_tags: 'customer_id' },
    keysOfRecord: (upsertKey) =>
      upsertKey === 'none' ? null : `array_remove(array['id ' || r.id, ${keyTexts[upsertKey]}], null)`,
    keysOfRows: (_tx, upsertKey, rows) =>
      Promise.resolve(rows.flatMap((row) => keptText(customerKind, upsertKey, row) ?? [])),
  },
})

const keyTexts = {
  email: `'email ' || lower(r.email)`,
  phone: `'phone ' || r.phone`,
  id: 'null',
}

function tagColumn({ tags }: Pick<Known, 'tags'>): FileColumn<CustomerView> {
  const nameOf = new Map(tags.map(({ id, name }) => [id, name]))
  const byName = new Map(tags.map(({ id, name }) => [name.toLowerCase(), id]))
  return {
    name: 'tags',
    show: (customer) => joinNames(customer.tags.flatMap((id) => nameOf.get(id) ?? [])),
    member: 'tags',
    read: (text) => {
      const names = splitNames(text)
      const unknown = names.find((name) => !byName.has(name.toLowerCase()))
      if (unknown !== undefined) return { fault: `there is no tag called ${unknown.slice(0, 100)}` }
      return { value: names.map((name) => byName.get(name.toLowerCase())) }
    },
    empty: [],
  }
}
