import { Failure } from '../../contract/errors.ts'
import { isDeepStrictEqual } from 'node:util'
import { hearersOfContact } from './contact-sight.ts'
import type { IdentityView } from '../../contract/conversation.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { checkLinks } from '../records/check-links.ts'
import type { Change } from '../records/record-kind.ts'
import { planIdentities } from './plan-identities.ts'
import { type ContactRow, viewContacts } from './present-contact.ts'
import { holdNewContacts } from './resolve-people.ts'

type Values = Readonly<Record<string, unknown>>

/**
 * Keeps what belongs together in a contact: a name that one of us wrote is not taken over from the network again, the number
 * is one of the addresses, and of a customer's people one comes first.
 */
export async function prepareContact(
  tx: TenantTx,
  { before, values, by }: Change<ContactRow>,
): Promise<Values> {
  // First, for it takes the right to make contacts; those who step back are locked after it.
  const addresses = await addressed(tx, before, values)
  await checkLinks(tx, by.actor, before && { customerId: before.customer_id }, values)
  const customerId = (values.customerId === undefined ? before?.customer_id : values.customerId) as
    | number
    | null
    | undefined
  if ((values.isPrimary ?? before?.is_primary) === true && customerId)
    await stepBack(tx, by, customerId, before?.id ?? 0)
  return { ...values, ...named(before, values), ...addresses }
}

/**
 * A contact that comes back does not come first any more when somebody else does by now. One that went into another comes back
 * by undoing the merge and in no other way, or there would be the shell of somebody who lives on elsewhere: `conflict` with
 * `details.mergeId`. One that a network merged has no merge to undo: it comes back as somebody of its own.
 */
export async function beforeContactReturns(tx: TenantTx, row: ContactRow): Promise<void> {
  const [merge] = await tx.query<{ id: string; contact_id: number }>(
    `select id, contact_id from contact_merges where tenant_id = $1 and other_id = $2 and undone_at is null
     order by merged_at desc limit 1`,
    [tx.tenantId, row.id],
  )
  if (merge) throw new Failure('conflict', { mergeId: merge.id, contactId: merge.contact_id })
  await tx.query(
    'update contacts set merged_into = null where tenant_id = $1 and id = $2 and merged_into is not null',
    [tx.tenantId, row.id],
  )
  if (!row.is_primary || row.customer_id === null) return
  await tx.query(
    `update contacts c set is_primary = false where c.tenant_id = $1 and c.id = $2 and exists (
       select from contacts o where o.tenant_id = $1 and o.customer_id = $3 and o.is_primary and o.deleted_at is null)`,
    [tx.tenantId, row.id, row.customer_id],
  )
}

function named(before: ContactRow | null, values: Values): Values {
  const isOther = (member: string, held: unknown) => values[member] !== undefined && values[member] !== held
  const isEdited =
    before === null || isOther('firstName', before.first_name) || isOther('lastName', before.last_name)
  return isEdited ? { nameEdited: true } : {}
}

async function addressed(tx: TenantTx, before: ContactRow | null, values: Values): Promise<Values> {
  const { phone, identities } = values as { phone?: string | null; identities?: IdentityView[] }
  const isOtherPhone = phone !== undefined && phone !== (before?.phone ?? null)
  if (!isOtherPhone && identities === undefined) return {}
  if (before?.is_group === true && (isOtherPhone || identities !== undefined)) {
    const pointer = identities === undefined ? '/phone' : '/identities'
    throw invalid([{ in: 'body', pointer, message: 'a group has the one address that its network gave it' }])
  }
  await holdNewContacts(tx)
  const isUsed = before !== null && (await hasConversations(tx, before.id))
  const plan = planIdentities(
    before,
    { ...(phone === undefined ? {} : { phone }), ...(identities === undefined ? {} : { identities }) },
    isUsed,
  )
  const held = before && planIdentities(before, {}, true)
  const isSame = held !== null && isDeepStrictEqual(held.identities, plan.identities)
  return { phone: plan.phone, identities: isSame ? before?.identities : plan.identities }
}

async function hasConversations(tx: TenantTx, contactId: number): Promise<boolean> {
  const found = await tx.query(
    'select 1 from conversations where tenant_id = $1 and contact_id = $2 limit 1',
    [tx.tenantId, contactId],
  )
  return found.length > 0
}

/** Whoever came first of this customer's people does not any more. Locks: the customer, then them. */
async function stepBack(tx: TenantTx, by: Doer, customerId: number, exceptId: number): Promise<void> {
  await tx.query('select 1 from customers where tenant_id = $1 and id = $2 for no key update', [
    tx.tenantId,
    customerId,
  ])
  const former = await tx.query<{ id: number }>(
    `update contacts set is_primary = false, version = version + 1, updated_at = $4
     where tenant_id = $1 and customer_id = $2 and id <> $3 and is_primary and deleted_at is null returning id`,
    [tx.tenantId, customerId, exceptId, tx.now],
  )
  if (former.length === 0) return
  const ids = former.map(({ id }) => id)
  for (const contact of await viewContacts(tx.query.bind(tx), tx.tenantId, ids)) {
    tx.record('contact.updated', { contact }, hearersOfContact(contact.id))
    const [before, after] = [{ isPrimary: true }, { isPrimary: false }]
    recordAudit(tx, {
      by,
      action: 'contact.update',
      entity: 'contact',
      entityId: contact.id,
      before,
      after,
    })
  }
}
