import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { SavedViewEntity } from '../../contract/crm/saved-view.ts'
import { Failure } from '../../contract/errors.ts'
import { formatPosition } from '../../contract/position.ts'
import type { DefaultViews } from '../../contract/rest/saved-views.ts'
import { invalid } from '../../http/faults.ts'
import { headIn } from '../../log/read.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import type { Query } from '../records/record-kind.ts'
import { type SavedViewRow, seesView } from './saved-view-kind.ts'

/** The views that the lists of whoever asks begin with. */
export async function listDefaultViews(query: Query, actor: Actor): Promise<DefaultViews> {
  permit(actor, 'record.read')
  const rows = await query<{ entity: SavedViewEntity; view_id: number }>(
    'select entity, view_id from default_views where tenant_id = $1 and user_id = $2 order by entity',
    [actor.tenantId, actor.kind === 'system' ? null : actor.id],
  )
  return {
    data: rows.map(({ entity, view_id: viewId }) => ({ entity, viewId })),
    position: formatPosition(await headIn(query, actor.tenantId)),
  }
}

/**
 * Lets a list of whoever says so begin with a view; null with none. Records `default_view.changed` for them; what is so already
 * leaves no trace. Fails with `validation_failed` for a view that is not there, not for these eyes, or of another list.
 */
export async function setDefaultView(
  tx: TenantTx,
  by: Doer,
  entity: SavedViewEntity,
  viewId: number | null,
): Promise<void> {
  permit(by.actor, 'view.write')
  if (by.actor.kind === 'system') throw new Failure('forbidden')
  const { id: userId } = by.actor
  if (viewId !== null) await requireView(tx, by.actor, entity, viewId)
  const mine = [tx.tenantId, userId, entity] as const
  const place = 'tenant_id = $1 and user_id = $2 and entity = $3'
  const [before] = await tx.query<{ view_id: number }>(
    `select view_id from default_views where ${place} for update`,
    mine,
  )
  if ((before?.view_id ?? null) === viewId) return
  if (viewId === null) await tx.query(`delete from default_views where ${place}`, mine)
  else
    await tx.query(
      `insert into default_views (tenant_id, user_id, entity, view_id) values ($1, $2, $3, $4)
       on conflict (tenant_id, user_id, entity) do update set view_id = excluded.view_id`,
      [...mine, viewId],
    )
  tx.record('default_view.changed', { entity, viewId }, { kind: 'user', userId })
  recordAudit(tx, {
    by,
    action: 'default_view.change',
    entity: 'default_view',
    entityId: entity,
    before: { viewId: before?.view_id ?? null },
    after: { viewId },
  })
}

/** Held until commit, so that it is not done away with meanwhile. */
async function requireView(
  tx: TenantTx,
  actor: Actor,
  entity: SavedViewEntity,
  viewId: number,
): Promise<void> {
  const [view] = await tx.query<Pick<SavedViewRow, 'entity' | 'owner_id' | 'shared'>>(
    'select entity, owner_id, shared from saved_views where tenant_id = $1 and id = $2 and deleted_at is null for key share',
    [tx.tenantId, viewId],
  )
  const fault = !view || !seesView(actor, view) ? 'there is no such view' : `it is a view of another list`
  if (view?.entity !== entity || fault === 'there is no such view')
    throw invalid([{ in: 'body', pointer: '/viewId', message: fault }])
}
