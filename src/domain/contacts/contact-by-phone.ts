import { hearersOfContact } from './contact-sight.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { viewContacts } from './present-contact.ts'
import { holdNewContacts } from './resolve-people.ts'

/**
 * The contact with this phone number, made when there is none; `contact.created` is recorded for a new one.
 * `digits` without "+", country code first. Safe under parallel calls: new contacts are made one at a time.
 */
export async function contactByPhone(tx: TenantTx, digits: string): Promise<number> {
  const known = await find(tx, digits)
  if (known !== undefined) return known
  await holdNewContacts(tx)
  const first = await find(tx, digits)
  if (first !== undefined) return first
  const [made] = await tx.query<{ id: number }>(
    `with made as (
       insert into contacts (tenant_id, phone, created_at, updated_at) values ($1, $2, $4, $4) returning id)
     insert into contact_identities (tenant_id, kind, value, contact_id, created_at)
     select $1, 'phone', $3, id, $4 from made returning contact_id as id`,
    [tx.tenantId, `+${digits}`, digits, tx.now],
  )
  const id = made?.id ?? 0
  const [contact] = await viewContacts(tx.query.bind(tx), tx.tenantId, [id])
  if (contact) tx.record('contact.created', { contact }, hearersOfContact(id))
  return id
}

async function find(tx: TenantTx, digits: string): Promise<number | undefined> {
  const [row] = await tx.query<{ contact_id: number }>(
    `select contact_id from contact_identities
     where tenant_id = $1 and kind in ('phone', 'wa_id') and value = $2 order by kind limit 1`,
    [tx.tenantId, digits],
  )
  return row?.contact_id
}
