import type { TenantTx } from '../../log/tenant-tx.ts'

/** Members after whose change a record is about something else, or is seen by what it is about (because it is nobody's now). */
const turning = [
  'contactId',
  'dealId',
  'conversationIds',
  'conversationId',
  'ownerId',
  'assigneeId',
  'deletedAt',
]

/**
 * Holds what a deal or an activity is to be about until commit: its contact, then its deal. Whoever changes where
 * a contact writes, or what a deal is about, tells anew of the records that it finds there; so of the two that come second one
 * sees what the first one wrote. Where no number has members everybody sees them all, and nothing is held.
 *
 * Locks (shared): contacts, then deals; so before the row of the record, in the order of merges. `id` is null for one that is made.
 */
export function holdSubjects(
  tx: TenantTx,
  table: 'deals' | 'activities',
  id: number | null,
  values: Readonly<Record<string, unknown>>,
): void {
  if (id !== null && !turning.some((member) => member in values)) return
  hold(tx, 'contacts', { table, column: 'contact_id', id }, values['contactId'])
  if (table === 'activities') hold(tx, 'deals', { table, column: 'deal_id', id }, values['dealId'])
}

/**
 * What is given, or what the record has when nothing is: one of each, because merges take deals in two steps, and who holds one
 * while waiting for another would wait for them in a circle. Sent along with what comes next, which waits for it.
 */
function hold(
  tx: TenantTx,
  held: 'contacts' | 'deals',
  from: { readonly table: string; readonly column: string; readonly id: number | null },
  given: unknown,
): void {
  if (given === null) return
  const [which, value] =
    typeof given === 'number'
      ? ['$2::integer', given]
      : [`(select r.${from.column} from ${from.table} r where r.tenant_id = $1 and r.id = $2)`, from.id]
  if (value === null) return
  tx.run(
    `select from ${held} h where h.tenant_id = $1 and h.id = ${which}
       and exists (select from channels c where c.tenant_id = $1 and c.members_only) for share of h`,
    [tx.tenantId, value],
  )
}
