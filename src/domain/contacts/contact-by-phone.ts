import type { TenantTx } from '../../log/tenant-tx.ts'
import { viewContacts } from './present-contact.ts'

/**
 * The contact with this phone number, made when there is none; `contact.created` is recorded for a new one.
 * `digits` without "+", country code first. Safe under parallel calls: the key of contact_identities decides.
 */
export async function contactByPhone(tx: TenantTx, digits: string): Promise<number> {
  const known = await find(tx, digits)
  if (known !== undefined) return known
  const [made] = await tx.query<{ id: number }>(
    'insert into contacts (tenant_id, phone, created_at, updated_at) values ($1, $2, $3, $3) returning id',
    [tx.tenantId, `+${digits}`, tx.now],
  )
  const id = made?.id ?? 0
  const taken = await tx.query(
    `insert into contact_identities (tenant_id, kind, value, contact_id, created_at) values ($1, 'phone', $2, $3, $4)
     on conflict (tenant_id, kind, value) do nothing returning 1`,
    [tx.tenantId, digits, id, tx.now],
  )
  if (taken.length === 0) {
    // Somebody else made the person while we did; theirs was first.
    await tx.query('delete from contacts where tenant_id = $1 and id = $2', [tx.tenantId, id])
    return (await find(tx, digits)) ?? id
  }
  const [contact] = await viewContacts(tx.query.bind(tx), tx.tenantId, [id])
  if (contact) tx.record('contact.created', { contact }, { kind: 'tenant' })
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
