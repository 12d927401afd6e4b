import type { Scope } from '../../log/scope.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { hearersOfRecords } from '../records/hearers.ts'
import { type ActivityRow, activityRights, activitySelect, presentActivity } from './present-activity.ts'

/**
 * Gives reminders whose time has come, however long ago that was: at most `atMost`, of all tenants; the number given. Any
 * number of workers may do it at once, and any of them may die: `reminded_at` and `activity.reminded` are written in one
 * transaction, by whoever finds the row not reminded under its lock, so each reminder is given once. One transaction per
 * tenant; one that fails does not keep the others from theirs.
 */
export async function giveReminders(deps: LogDeps, { atMost }: { atMost: number }): Promise<number> {
  const { rows } = await deps.db.write.query<{ tenant_id: string; activity_id: number }>(
    'select tenant_id, activity_id from due_reminders($1)',
    [atMost],
  )
  const byTenant = Map.groupBy(rows, (row) => row.tenant_id)
  let given = 0
  const failures: unknown[] = []
  for (const [tenantId, due] of byTenant)
    try {
      const ids = due.map((row) => row.activity_id)
      given += await inTenant(deps, tenantId, (tx) => remind(tx, ids))
    } catch (error) {
      failures.push(error)
    }
  if (failures.length > 0) throw new AggregateError(failures, 'reminders could not be given')
  return given
}

/** Of these, those that are still due. The database says when it is time, as it did when it found them. Locks: them, by id. */
async function remind(tx: TenantTx, ids: readonly number[]): Promise<number> {
  const due = await tx.query<ActivityRow>(
    `select ${activitySelect} from activities r
     where r.tenant_id = $1 and r.id = any($2) and r.reminded_at is null and r.remind_at <= clock_timestamp()
       and r.status = 'open' and r.deleted_at is null
     order by r.id for no key update`,
    [tx.tenantId, ids],
  )
  if (due.length === 0) return 0
  const rows = await tx.query<ActivityRow>(
    `update activities r set reminded_at = $3, version = r.version + 1, updated_at = $3
     where r.tenant_id = $1 and r.id = any($2) returning ${activitySelect}`,
    [tx.tenantId, due.map(({ id }) => id), tx.now],
  )
  const by: Doer = { actor: { kind: 'system', tenantId: tx.tenantId, name: 'reminders' } }
  const before = new Map(due.map((row) => [row.id, presentActivity(row)]))
  const hearers = await hearersOfRecords(tx, activityRights, rows)
  for (const [place, row] of rows.entries()) {
    const activity = presentActivity(row)
    tx.record('activity.reminded', { activity }, hearers[place] as Scope)
    recordAudit(tx, {
      by,
      action: 'activity.remind',
      entity: 'activity',
      entityId: row.id,
      before: before.get(row.id) ?? null,
      after: activity,
    })
  }
  return rows.length
}
