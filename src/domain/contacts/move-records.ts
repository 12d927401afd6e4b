import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { activityKind } from '../activities/activity-kind.ts'
import { dealKind } from '../deals/deal-kind.ts'
import { noteKind } from '../notes/note-kind.ts'
import type { RecordKind, RecordRow, RecordView } from '../records/record-kind.ts'
import { tellRecord } from '../records/write-record.ts'

/** Ids of the records that moved from one contact to another, by kind. */
export interface MovedRecords {
  readonly notes: readonly number[]
  readonly deals: readonly number[]
  readonly activities: readonly number[]
}

/**
 * What is written about one contact is about another from now on: all of it, or `only` these. Each is announced to those who
 * see it and stands in the trail. Deleted ones move too, so that they come back at the right place. Locks: them, by id.
 */
export async function moveRecords(
  tx: TenantTx,
  by: Doer,
  way: { readonly from: number; readonly to: number },
  only: MovedRecords | null = null,
): Promise<MovedRecords> {
  return {
    notes: await move(tx, by, noteKind, way, only && only.notes),
    deals: await move(tx, by, dealKind, way, only && only.deals),
    activities: await move(tx, by, activityKind, way, only && only.activities),
  }
}

async function move<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  by: Doer,
  kind: RecordKind<Row, View>,
  { from, to }: { readonly from: number; readonly to: number },
  only: readonly number[] | null,
): Promise<number[]> {
  await tx.query(
    `select 1 from ${kind.table} where tenant_id = $1 and contact_id = $2 and ($3::integer[] is null or id = any($3))
     order by id for no key update`,
    [tx.tenantId, from, only],
  )
  const rows = await tx.query<Row>(
    `select ${kind.select} from ${kind.table} r ${kind.joins}
     where r.tenant_id = $1 and r.contact_id = $2 and ($3::integer[] is null or r.id = any($3)) order by r.id`,
    [tx.tenantId, from, only],
  )
  const ids = rows.map(({ id }) => id)
  await tx.query(
    `update ${kind.table} set contact_id = $3, version = version + 1, updated_at = $4 where tenant_id = $1 and id = any($2)`,
    [tx.tenantId, ids, to, tx.now],
  )
  for (const row of rows) await tellRecord(tx, kind, by, 'updated', row, row.id)
  return ids
}
