import type { CustomFieldView } from '../../contract/crm/custom-field.ts'
import type { CustomerView } from '../../contract/crm/customer.ts'
import type { Query } from '../records/record-kind.ts'
import { type ReadCell, readCustomCell, showCustomValue } from './custom-cells.ts'
import { joinNames, splitNames } from './name-list.ts'

type Field = Pick<CustomFieldView, 'key' | 'label' | 'type'>

/** What a tenant calls things, beside its customers. */
export interface Known {
  /** Those that are there, by position. */
  readonly fields: readonly Field[]
  readonly tags: readonly { readonly id: number; readonly name: string }[]
}

/** One column of a file of customers. */
export interface CustomerColumn {
  /** In the first row of a file, and in a mapping. */
  readonly name: string
  /** What else people call it. */
  readonly alias?: string
  readonly show: (customer: CustomerView) => string
  /** Where its value goes in an input. Left out: it is shown, and only an upsert key can be read from it. */
  readonly member?: string
  /** The custom field that it is. */
  readonly field?: string
  /** What a cell says; its text is trimmed and not empty. */
  readonly read: (text: string) => ReadCell
  /** What an empty cell says. */
  readonly empty: unknown
}

const asItIs = (value: string): ReadCell => ({ value })

const texts = [
  'name',
  'email',
  'phone',
  'company',
  'website',
  'address',
  'status',
  'source',
  'ownerId',
] as const
const shownOnly = ['createdAt', 'updatedAt'] as const

/** All columns of a file of customers, in the order of an export. */
export function customerColumns({ fields, tags }: Known): CustomerColumn[] {
  const nameOf = new Map(tags.map(({ id, name }) => [id, name]))
  const tagByName = new Map(tags.map(({ id, name }) => [name.toLowerCase(), id]))
  return [
    { name: 'id', show: (customer) => String(customer.id), read: asItIs, empty: null },
    ...texts.map((member) => ({
      name: member,
      show: (customer: CustomerView) => customer[member] ?? '',
      member,
      read: asItIs,
      // A status is never nothing: an empty cell leaves it, or its default.
      empty: member === 'status' ? undefined : null,
    })),
    {
      name: 'tags',
      show: (customer) => joinNames(customer.tags.flatMap((id) => nameOf.get(id) ?? [])),
      member: 'tags',
      read: (text) => {
        const names = splitNames(text)
        const unknown = names.find((name) => !tagByName.has(name.toLowerCase()))
        if (unknown !== undefined) return { fault: `there is no tag called ${unknown.slice(0, 100)}` }
        return { value: names.map((name) => tagByName.get(name.toLowerCase())) }
      },
      empty: [],
    },
    ...fields.map((field) => ({
      name: `customFields.${field.key}`,
      alias: field.label,
      show: ({ customFields }: CustomerView) => showCustomValue(customFields[field.key]),
      member: 'customFields',
      field: field.key,
      read: (text: string) => readCustomCell(field.type, text),
      empty: null,
    })),
    ...shownOnly.map((member) => ({
      name: member,
      show: (customer: CustomerView) => customer[member],
      read: asItIs,
      empty: null,
    })),
  ]
}

/** Tags and custom fields of a tenant as they are now. */
export async function loadKnown(query: Query, tenantId: string): Promise<Known> {
  const fields = await query<Field>(
    `select key, label, type from custom_fields where tenant_id = $1 and entity = 'customer' and deleted_at is null order by position, id`,
    [tenantId],
  )
  const tags = await query<{ id: number; name: string }>(
    'select id, name from tags where tenant_id = $1 and deleted_at is null',
    [tenantId],
  )
  return { fields, tags }
}
