import type { Actor } from '../../auth/actor.ts'
import { type Action, permit } from '../../auth/can.ts'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Bind, Query, RecordKind, RecordRow, RecordView, Rights } from './record-kind.ts'

/**
 * One record, deleted or not; undefined when there is none, or when other tables say that it is not for the reader. What the
 * row says itself is for the caller to judge.
 */
export async function findRecord<Row extends RecordRow, View extends RecordView>(
  query: Query,
  tenantId: string,
  kind: RecordKind<Row, View>,
  id: number,
  reader?: Actor,
): Promise<Row | undefined> {
  const values: unknown[] = [tenantId, id]
  const reach = reader && reachOf(kind.rights, reader, kind.rights.read, (value) => `$${values.push(value)}`)
  const [row] = await query<Row>(
    `select ${kind.select} from ${kind.table} r ${kind.joins} where r.tenant_id = $1 and r.id = $2 and ${reach ?? 'true'}`,
    values,
  )
  return row
}

/** One record that the actor may read, deleted or not. Fails with `not_found` or `forbidden`. */
export async function readRecord<Row extends RecordRow, View extends RecordView>(
  query: Query,
  actor: Actor,
  kind: RecordKind<Row, View>,
  id: number,
): Promise<Row> {
  const { rights } = kind
  permit(actor, rights.read)
  const row = await findRecord(query, actor.tenantId, kind, id, actor)
  if (!row) throw new Failure('not_found')
  if (rights.owner) permit(actor, rights.read, { ownerId: rights.owner.of(row) })
  if (rights.sight && !rights.sight.sees(actor, row)) throw new Failure('not_found')
  return row
}

/** Fails with `not_found` where other tables decide who may do this to a record, and it is not for this actor. */
export async function requireReach<Row extends RecordRow, View extends RecordView>(
  query: Query,
  actor: Actor,
  { rights, table }: RecordKind<Row, View>,
  action: Action,
  id: number,
): Promise<void> {
  const values: unknown[] = [actor.tenantId, id]
  const where = reachOf(rights, actor, action, (value) => `$${values.push(value)}`)
  if (where === 'true') return
  const found = await query(
    `select 1 from ${table} r where r.tenant_id = $1 and r.id = $2 and ${where}`,
    values,
  )
  if (found.length === 0) throw new Failure('not_found')
}

/** What other tables say of it, as a condition on `r`. */
function reachOf<Row>({ reach, owner }: Rights<Row>, actor: Actor, action: Action, bind: Bind): string {
  if (reach) return reach.where(actor, bind)
  const free = owner?.subjects?.inSight(actor, action, bind) ?? 'true'
  return free === 'true' ? free : `(${owner?.column} is not null or ${free})`
}

/** One record as it is, deleted or not, locked until commit. Fails with `not_found`. */
export async function lockRecord<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  kind: RecordKind<Row, View>,
  id: number,
): Promise<Row> {
  await tx.query(`select 1 from ${kind.table} where tenant_id = $1 and id = $2 for no key update`, [
    tx.tenantId,
    id,
  ])
  const row = await findRecord(tx.query.bind(tx), tx.tenantId, kind, id)
  if (!row) throw new Failure('not_found')
  return row
}
