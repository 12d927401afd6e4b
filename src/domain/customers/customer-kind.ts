import { type CustomerView, customerView, customerStatuses } from '../../contract/crm/customer.ts'
import { severalOf } from '../../contract/rest/several.ts'
import { customerPart, wholeCustomer } from '../../contract/rest/customers.ts'
import { phonePatterns } from '../messages/search-terms.ts'
import {
  filter,
  idText,
  isAmong,
  oneOf,
  personIs,
  timeFilters,
  timeSorts,
} from '../records/common-filters.ts'
import { bySearchText, matching, type TextSearch } from '../records/matching-text.ts'
import type { RecordKind, RecordRow } from '../records/record-kind.ts'
import { prepareCustomValues } from '../custom-fields/prepare-custom-values.ts'
import { setTags } from './set-tags.ts'

interface CustomerRow extends RecordRow {
  name: string
  email: string | null
  phone: string | null
  company: string | null
  website: string | null
  address: string | null
  status: CustomerView['status']
  source: string | null
  owner_id: string | null
  custom_fields: Record<string, unknown>
  tags: number[]
}

/** By words of a name, company or e-mail address, or by a number however it is written; and by both together. */
export const customerText: TextSearch = {
  numbers: 'in the text',
  waysOf: (q) => bySearchText('customers', q, phonePatterns(q)),
}

const tagged = filter(
  severalOf(idText),
  (tags, bind) =>
    `exists (select from customer_tags ct
      where ct.tenant_id = r.tenant_id and ct.customer_id = r.id and ${isAmong('ct.tag_id', tags, 'integer', bind)})`,
)

/** Companies and people that we do business with. */
export const customerKind: RecordKind<CustomerRow, CustomerView> = {
  noun: 'customer',
  path: 'customers',
  table: 'customers',
  select: `r.id, r.name, r.email, r.phone, r.company, r.website, r.address, r.status, r.source, r.owner_id, r.custom_fields,
    r.version, r.created_at, r.updated_at, r.deleted_at,
    array(select ct.tag_id from customer_tags ct
          where ct.tenant_id = r.tenant_id and ct.customer_id = r.id order by 1) as tags`,
  joins: '',
  members: {
    name: { column: 'name', type: 'text' },
    email: { column: 'email', type: 'text' },
    phone: { column: 'phone', type: 'text' },
    company: { column: 'company', type: 'text' },
    website: { column: 'website', type: 'text' },
    address: { column: 'address', type: 'text' },
    status: { column: 'status', type: 'text' },
    source: { column: 'source', type: 'text' },
    ownerId: { column: 'owner_id', type: 'uuid' },
    customFields: { column: 'custom_fields', type: 'jsonb' },
  },
  view: customerView,
  whole: wholeCustomer,
  part: customerPart,
  filters: {
    q: matching(customerText),
    status: oneOf('r.status', customerStatuses),
    ownerId: personIs('r.owner_id'),
    tag: tagged,
    ...timeFilters,
  },
  sorts: { ...timeSorts, name: { sql: 'r.name_key', type: 'text', order: 'asc' } },
  sortedBy: 'createdAt',
  customFields: 'customer',
  includes: ['owner', 'tags'],
  present: (row) => ({
    id: row.id,
    name: row.name,
    email: row.email,
    phone: row.phone,
    company: row.company,
    website: row.website,
    address: row.address,
    status: row.status,
    source: row.source,
    ownerId: row.owner_id,
    customFields: row.custom_fields,
    tags: row.tags,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
    version: row.version,
  }),
  rights: { read: 'record.read', write: 'record.write' },
  constraints: { customers_tenant_id_owner_id_fkey: 'ownerId', customer_tags_tag: 'tags' },
  prepare: (tx, change) => prepareCustomValues(tx, 'customer', change),
  follow: async (tx, id, { before, values }) => {
    const tags = values['tags'] as readonly number[] | undefined
    // A new one has no tags to lose.
    if (tags !== undefined && (before !== null || tags.length > 0)) await setTags(tx, id, tags)
  },
}
