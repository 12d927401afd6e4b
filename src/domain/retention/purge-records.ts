import type { SavedViewEntity } from '../../contract/crm/saved-view.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { customerKind } from '../customers/customer-kind.ts'
import { updateRecord } from '../records/write-record.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { type Hanging, hangingOn, type PurgedNoun, purgedNouns, purgedTables } from './hanging-records.ts'

export interface PurgeDeps extends LogDeps {
  readonly config: Pick<Config, 'DELETED_KEEP_DAYS' | 'PURGE_BATCH'>
}

interface Due {
  tenant_id: string
  noun: PurgedNoun
  record_id: number
}

/**
 * Does away for good with records that were deleted more than DELETED_KEEP_DAYS ago, of all tenants; at most `atMost` of each
 * kind; the number that went. What was written about one of them (notes) goes with it, what only referred to it (deals, activities, people of a
 * customer) goes on without it; both are announced, because screens hold them. The record itself is held by nobody since it
 * was deleted, so its going leaves a row in the trail and no event. The trail keeps all that it says.
 * Any number of workers may do it at once: each record is locked by one of them, and the others leave it. At most PURGE_BATCH
 * records change in one transaction, and a tenant whose transaction fails keeps nobody else waiting.
 */
export async function purgeRecords(deps: PurgeDeps, { atMost }: { atMost: number }): Promise<number> {
  const { rows } = await deps.db.write.query<Due>(
    'select tenant_id, noun, record_id from records_to_purge(make_interval(days => $1), $2)',
    [deps.config.DELETED_KEEP_DAYS, atMost],
  )
  const failures: unknown[] = []
  let gone = 0
  for (const [tenantId, due] of Map.groupBy(rows, (row) => row.tenant_id))
    for (const noun of purgedNouns) {
      const ids = due.filter((row) => row.noun === noun).map((row) => row.record_id)
      for (let from = 0; from < ids.length; from += deps.config.PURGE_BATCH)
        gone += await purgeSome(
          deps,
          tenantId,
          noun,
          ids.slice(from, from + deps.config.PURGE_BATCH),
          failures,
        )
    }
  if (failures.length > 0) throw new AggregateError(failures, 'deleted records could not be done away with')
  return gone
}

/** One after the other when they cannot go together, so that one that cannot go keeps no other one. */
async function purgeSome(
  deps: PurgeDeps,
  tenantId: string,
  noun: PurgedNoun,
  ids: readonly number[],
  failures: unknown[],
): Promise<number> {
  try {
    for (;;) {
      const step = await inTenant(deps, tenantId, (tx) => purgeStep(tx, deps.config, noun, ids))
      if (step.isDone) return step.gone
    }
  } catch (error) {
    if (ids.length === 1) {
      failures.push(error)
      return 0
    }
    let gone = 0
    for (const id of ids) gone += await purgeSome(deps, tenantId, noun, [id], failures)
    return gone
  }
}

/**
 * Loosens what hangs on these records, as much as one transaction may; when nothing is left, the records go. One that was
 * restored meanwhile, or that somebody else has, stays. Locks: the records by id, then what hangs on them.
 */
async function purgeStep(
  tx: TenantTx,
  { DELETED_KEEP_DAYS: days, PURGE_BATCH: most }: PurgeDeps['config'],
  noun: PurgedNoun,
  ids: readonly number[],
): Promise<{ isDone: boolean; gone: number }> {
  const table = purgedTables[noun]
  const due = await tx.query<{ id: number; deleted_at: string }>(
    `select id, deleted_at from ${table}
     where tenant_id = $1 and id = any($2) and deleted_at < now() - make_interval(days => $3)
     order by id for update skip locked`,
    [tx.tenantId, ids, days],
  )
  if (due.length === 0) return { isDone: true, gone: 0 }
  const held = due.map(({ id }) => id)
  const by: Doer = { actor: { kind: 'system', tenantId: tx.tenantId, name: 'retention' } }
  let room = most
  for (const hanging of hangingOn[noun]) {
    room -= await loosenSome(tx, by, hanging, held, room)
    if (room === 0) return { isDone: false, gone: 0 }
  }
  if (noun === 'contact') await outliveMerge(tx, held)
  if (noun === 'saved_view') await forgetDefaults(tx, held)
  if (noun === 'tag' && (await untagSome(tx, by, held, room)) === room) return { isDone: false, gone: 0 }
  await tx.query(`delete from ${table} where tenant_id = $1 and id = any($2)`, [tx.tenantId, held])
  for (const { id, deleted_at: deletedAt } of due)
    recordAudit(tx, { by, action: `${noun}.purge`, entity: noun, entityId: id, before: { deletedAt } })
  return { isDone: true, gone: due.length }
}

/** At most `most` of what refers to these records; how many there were. Deleted ones are nobody's to hear of. */
async function loosenSome(
  tx: TenantTx,
  by: Doer,
  { table, column, loosen }: Hanging,
  ids: readonly number[],
  most: number,
): Promise<number> {
  const found = await tx.query<{ id: number; is_there: boolean }>(
    `select id, deleted_at is null as is_there from ${table}
     where tenant_id = $1 and ${column} = any($2) order by id limit $3 for update`,
    [tx.tenantId, ids, most],
  )
  for (const { id, is_there: isThere } of found) if (isThere) await loosen(tx, by, id)
  const all = [tx.tenantId, found.map(({ id }) => id)]
  if (table === 'notes') await tx.query('delete from notes where tenant_id = $1 and id = any($2)', all)
  else await tx.query(`update ${table} set ${column} = null where tenant_id = $1 and id = any($2)`, all)
  return found.length
}

/** Takes tags off at most `most` customers, who are announced as changed; how many there were. */
async function untagSome(tx: TenantTx, by: Doer, tagIds: readonly number[], most: number): Promise<number> {
  const found = await tx.query<{ id: number; is_there: boolean; rest: number[] }>(
    `select c.id, c.deleted_at is null as is_there, array(
       select o.tag_id from customer_tags o where o.tenant_id = $1 and o.customer_id = c.id and o.tag_id <> all($2)) as rest
     from customers c where c.tenant_id = $1 and c.id in (
       select ct.customer_id from customer_tags ct where ct.tenant_id = $1 and ct.tag_id = any($2)
       order by ct.customer_id limit $3) order by c.id for update`,
    [tx.tenantId, tagIds, most],
  )
  for (const { id, is_there: isThere, rest } of found)
    if (isThere) await updateRecord(tx, customerKind, by, id, { tags: rest }, null)
  await tx.query(
    'delete from customer_tags where tenant_id = $1 and tag_id = any($2) and customer_id = any($3)',
    [tx.tenantId, tagIds, found.map(({ id }) => id)],
  )
  return found.length
}

/** Who went into one of these contacts and is still kept stays merged; into whom is not known any more: their own id says so. */
async function outliveMerge(tx: TenantTx, contactIds: readonly number[]): Promise<void> {
  await tx.query(
    'update contacts set merged_into = id where tenant_id = $1 and merged_into = any($2) and id <> all($2)',
    [tx.tenantId, contactIds],
  )
}

/** Lists that began with one of these views begin with none, and their people hear so. */
async function forgetDefaults(tx: TenantTx, viewIds: readonly number[]): Promise<void> {
  const chosen = await tx.query<{ user_id: string; entity: SavedViewEntity }>(
    'delete from default_views where tenant_id = $1 and view_id = any($2) returning user_id, entity',
    [tx.tenantId, viewIds],
  )
  for (const { user_id: userId, entity } of chosen)
    tx.record('default_view.changed', { entity, viewId: null }, { kind: 'user', userId })
}
