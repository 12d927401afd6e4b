import type { TenantTx } from '../../log/tenant-tx.ts'

/** What the transaction went by is not so any more: it must begin anew, as after a serialization failure. */
class AddressesMoved extends Error {
  readonly code = '40001'
  constructor() {
    super('a contact went on in another one meanwhile')
  }
}

/**
 * Makes sure that contacts which were found by an address are still there, now that they are locked: somebody may have learnt
 * meanwhile that two of them are one person, and moved everything of one to the other (merge-contacts.ts). What is written
 * for the one that is left would be written for nobody, so the transaction is tried again and finds the other one.
 * One statement.
 */
export async function requireAddresses(tx: TenantTx, contactIds: readonly number[]): Promise<void> {
  const [moved] = await tx.query(
    `select 1 from contacts ct where ct.tenant_id = $1 and ct.id = any($2) and ct.deleted_at is not null and not exists (
       select from contact_identities i where i.tenant_id = $1 and i.contact_id = ct.id) limit 1`,
    [tx.tenantId, contactIds],
  )
  if (moved) throw new AddressesMoved()
}
