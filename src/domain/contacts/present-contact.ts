import type { IdentityView } from '../../contract/conversation.ts'
import type { ContactView } from '../../contract/records.ts'
import { contactNameOf } from '../conversations/conversation-row.ts'

type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/** A contact with its addresses. Timestamps are ISO text. */
export interface ContactRow {
  id: number
  customer_id: number | null
  name: string
  first_name: string
  last_name: string | null
  email: string | null
  phone: string | null
  title: string | null
  is_primary: boolean
  is_group: boolean
  language: string | null
  timezone: string | null
  blocked: boolean
  marketing: 'granted' | 'denied' | null
  identities: IdentityView[]
  custom_fields: Record<string, unknown>
  version: number
  created_at: string
  updated_at: string
  deleted_at: string | null
}

/** The columns of ContactRow, for `select … from contacts <alias>`. */
export const contactColumnsOf = (
  ct: string,
): string => `${ct}.id, ${ct}.customer_id, ${contactNameOf(ct)} as name, ${ct}.first_name,
  ${ct}.last_name, ${ct}.email, ${ct}.phone, ${ct}.title, ${ct}.is_primary, ${ct}.is_group, ${ct}.language, ${ct}.timezone, ${ct}.blocked,
  ${ct}.marketing, ${ct}.custom_fields, ${ct}.version, ${ct}.created_at, ${ct}.updated_at, ${ct}.deleted_at,
  coalesce((select json_agg(json_build_object('kind', i.kind, 'value', i.value) order by i.kind, i.value)
            from contact_identities i where i.tenant_id = ${ct}.tenant_id and i.contact_id = ${ct}.id), '[]') as identities`

const contactColumns = contactColumnsOf('ct')

/** Contacts as clients see them, in the order of their ids; those that do not exist are missing in the answer. */
export async function viewContacts(
  query: Query,
  tenantId: string,
  ids: readonly number[],
): Promise<ContactView[]> {
  const rows = await query<ContactRow>(
    `select ${contactColumns} from contacts ct where ct.tenant_id = $1 and ct.id = any($2) order by ct.id`,
    [tenantId, ids],
  )
  return rows.map(presentContact)
}

/** Row → wire. */
export function presentContact(row: ContactRow): ContactView {
  return {
    id: row.id,
    customerId: row.customer_id,
    name: row.name,
    firstName: row.first_name,
    lastName: row.last_name,
    email: row.email,
    phone: row.phone,
    title: row.title,
    isPrimary: row.is_primary,
    isGroup: row.is_group,
    language: row.language,
    timezone: row.timezone,
    blocked: row.blocked,
    marketing: row.marketing,
    identities: row.identities,
    customFields: row.custom_fields,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
    version: row.version,
  }
}
