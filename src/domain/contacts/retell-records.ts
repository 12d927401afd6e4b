import type { EventData, EventType } from '../../contract/events/catalogue.ts'
import type { Scope } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { activityRights, activitySelect, presentActivity } from '../activities/present-activity.ts'
import { dealJoins, dealRights, dealSelect, presentDeal } from '../deals/present-deal.ts'
import { hearersOfRecords } from '../records/hearers.ts'
import type { RecordKind, RecordRow, RecordView } from '../records/record-kind.ts'

/** What of a kind is needed to tell of its records. */
type Told<Row extends RecordRow, View extends RecordView> = Pick<
  RecordKind<Row, View>,
  'noun' | 'table' | 'select' | 'joins' | 'rights' | 'present'
>

const deals = {
  noun: 'deal',
  table: 'deals',
  select: dealSelect,
  joins: dealJoins,
  rights: dealRights,
  present: presentDeal,
} as const
const activities = {
  noun: 'activity',
  table: 'activities',
  select: activitySelect,
  joins: '',
  rights: activityRights,
  present: presentActivity,
} as const

/**
 * Contacts write on other numbers than before: deals and activities about them that are nobody's are shown to whoever may see
 * them now, and whoever may not forgets them. Locks: those, by id.
 */
export async function retellRecordsOf(tx: TenantTx, contactIds: readonly number[]): Promise<void> {
  await retell(tx, deals, 'r.contact_id = any($2)', contactIds)
  await retell(
    tx,
    activities,
    `r.id in (
      select a.id from activities a where a.tenant_id = $1 and a.contact_id = any($2)
      union select a.id from deals d join activities a on a.tenant_id = d.tenant_id and a.deal_id = d.id
      where d.tenant_id = $1 and d.contact_id = any($2) and a.contact_id is null)`,
    contactIds,
  )
}

/** The same of the activities of a deal that is about something else from now on. */
export function retellActivitiesOf(tx: TenantTx, dealId: number): Promise<void> {
  return retell(tx, activities, 'r.deal_id = any($2)', [dealId])
}

/** Only where there are numbers with members; otherwise everybody sees what is nobody's, before and after. */
async function retell<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  { noun, table, select, joins, rights, present }: Told<Row, View>,
  which: string,
  ids: readonly number[],
): Promise<void> {
  const held = await tx.query<{ id: number }>(
    `select r.id from ${table} r where r.tenant_id = $1 and ${which} and ${rights.owner?.column} is null and r.deleted_at is null
       and exists (select from channels h where h.tenant_id = $1 and h.members_only)
     order by r.id for no key update`,
    [tx.tenantId, ids],
  )
  if (held.length === 0) return
  const found = held.map(({ id }) => id)
  // A version of its own, so that a list that was read before does not undo it.
  await tx.query(`update ${table} set version = version + 1 where tenant_id = $1 and id = any($2)`, [
    tx.tenantId,
    found,
  ])
  const rows = await tx.query<Row>(
    `select ${select} from ${table} r ${joins} where r.tenant_id = $1 and r.id = any($2) order by r.id`,
    [tx.tenantId, found],
  )
  const hearers = await hearersOfRecords(tx, rights, rows)
  for (const [place, row] of rows.entries()) {
    const shown = hearers[place] as Extract<Scope, { kind: 'owned' }>
    const { action, ownerId: after, contactId, channelIds } = shown
    record(tx, `${noun}.updated` as EventType, { [noun]: present(row) }, shown)
    record(
      tx,
      `${noun}.hidden` as EventType,
      { [`${noun}Id`]: row.id, version: row.version },
      { kind: 'lost-owned', action, before: null, after, contactId, channelIds },
    )
  }
}

function record<Type extends EventType>(tx: TenantTx, type: Type, data: object, scope: Scope): void {
  tx.record(type, data as EventData<Type>, scope)
}
