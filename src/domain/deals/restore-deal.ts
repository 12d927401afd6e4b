import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { lockStageInstead } from './lock-stage.ts'
import { lastPlace } from './place-deal.ts'
import type { DealRow } from './present-deal.ts'
import { entryTime, recordStageChange } from './stage-changes.ts'

/**
 * A deal that comes back is on the board: in its own stage at its own place, or, when the stage was deleted or got another
 * meaning meanwhile, behind the last of the first open stage. Fails with `conflict` when there is none.
 */
export async function findPlaceAgain(tx: TenantTx, row: DealRow, { actor }: Doer): Promise<void> {
  const [own] = await tx.query<{ kind: DealRow['stage_kind'] }>(
    `select s.kind from pipeline_stages s join pipelines p on p.tenant_id = s.tenant_id and p.id = s.pipeline_id
     where s.tenant_id = $1 and s.id = $2 and s.deleted_at is null and p.deleted_at is null for no key update of s`,
    [tx.tenantId, row.stage_id],
  )
  if (own && (own.kind === 'open') === (row.closed_at === null)) return
  const stage = await lockStageInstead(tx, row.pipeline_id)
  if (!stage) throw new Failure('conflict', { stageId: row.stage_id }, { message: 'its stage was deleted' })
  await tx.query(
    `update deals set stage_id = $3, position = $4, probability = $5, entered_stage_at = $6, closed_at = null, lost_reason = null
     where tenant_id = $1 and id = $2`,
    [tx.tenantId, row.id, stage.id, await lastPlace(tx, stage.id), stage.probability, entryTime(tx, row)],
  )
  await recordStageChange(tx, actor, row.id, row, stage.id)
}
