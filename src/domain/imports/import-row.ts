import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ImportView } from '../../contract/crm/import.ts'
import { Failure } from '../../contract/errors.ts'
import type { EventType } from '../../contract/events/catalogue.ts'
import type { Scope } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Query } from '../records/record-kind.ts'

/** Of an actor, what its rights hang on; kept with what it began. */
export interface KeptActor {
  readonly kind: 'user' | 'key'
  readonly name: string
  readonly role: Exclude<Actor, { kind: 'system' }>['role']
  readonly scopes: readonly string[]
}

export interface ImportRow {
  id: string
  entity: ImportView['entity']
  state: ImportView['state']
  mapping: Record<string, string | null>
  upsert_key: ImportView['upsertKey']
  dry_run: boolean
  object_key: string | null
  owner_id: string
  actor: KeptActor
  rows_total: number | null
  rows_done: number
  created: number
  updated: number
  unchanged: number
  failed: number
  reason: string | null
  claim_token: string | null
  told_at: string | null
  created_at: string
  finished_at: string | null
}

export const importColumns = `i.id, i.entity, i.state, i.mapping, i.upsert_key, i.dry_run, i.object_key, i.owner_id, i.actor, i.rows_total,
  i.rows_done, i.created, i.updated, i.unchanged, i.failed, i.reason, i.claim_token, i.told_at, i.created_at, i.finished_at`

export function presentImport(row: ImportRow): ImportView {
  return {
    id: row.id,
    entity: row.entity,
    state: row.state,
    upsertKey: row.upsert_key,
    dryRun: row.dry_run,
    ownerId: row.owner_id,
    rowsTotal: row.rows_total,
    rowsDone: row.rows_done,
    created: row.created,
    updated: row.updated,
    unchanged: row.unchanged,
    failed: row.failed,
    reason: row.reason,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
  }
}

/** Whoever brought it hears of it, and managers. */
export const hearersOfImport = (row: Pick<ImportRow, 'owner_id'>): Scope => ({
  kind: 'owned',
  action: 'import.read',
  ownerId: row.owner_id,
})

/** Says how an import stands. */
export function tellImport(tx: TenantTx, type: Extract<EventType, `import.${string}`>, row: ImportRow): void {
  tx.record(type, { import: presentImport(row) }, hearersOfImport(row))
}

/** An import that the actor may see. Fails with `not_found` or `forbidden`. */
export async function findImport(query: Query, actor: Actor, id: string): Promise<ImportRow> {
  permit(actor, 'import.read')
  const [row] = await query<ImportRow>(
    `select ${importColumns} from imports i where i.tenant_id = $1 and i.id = $2`,
    [actor.tenantId, id],
  )
  if (!row) throw new Failure('not_found')
  permit(actor, 'import.read', { ownerId: row.owner_id })
  return row
}

/** An import that the actor may run, locked until commit. Fails with `not_found` or `forbidden`. */
export async function lockImport(tx: TenantTx, actor: Actor, id: string): Promise<ImportRow> {
  permit(actor, 'record.write')
  await tx.query('select 1 from imports where tenant_id = $1 and id = $2 for no key update', [
    tx.tenantId,
    id,
  ])
  return findImport(tx.query.bind(tx), actor, id)
}
