import type { PipelineStageView } from '../../contract/crm/pipeline.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

export interface StageRow {
  id: number
  pipeline_id: number
  kind: PipelineStageView['kind']
  probability: number
}

const live = `from pipeline_stages s join pipelines p on p.tenant_id = s.tenant_id and p.id = s.pipeline_id
  where s.tenant_id = $1 and s.deleted_at is null and p.deleted_at is null`

/**
 * A stage that deals can be in, locked until commit: whoever places a deal in it waits here, so places are given one after
 * the other, and whoever deletes it or gives it another meaning waits too. Fails with `validation_failed` at `/stageId`.
 */
export async function lockStage(tx: TenantTx, id: number): Promise<StageRow> {
  const [stage] = await tx.query<StageRow>(
    `select s.id, s.pipeline_id, s.kind, s.probability ${live} and s.id = $2 for no key update of s`,
    [tx.tenantId, id],
  )
  if (!stage) throw invalid([{ in: 'body', pointer: '/stageId', message: 'there is no such stage' }])
  return stage
}

/**
 * The stage for a deal whose own was deleted meanwhile: the first open one of the same pipeline, else of the default one,
 * locked. undefined when there is none.
 */
export async function lockStageInstead(tx: TenantTx, pipelineId: number): Promise<StageRow | undefined> {
  const [stage] = await tx.query<StageRow>(
    `select s.id, s.pipeline_id, s.kind, s.probability ${live} and s.kind = 'open' and (s.pipeline_id = $2 or p.is_default)
     order by s.pipeline_id = $2 desc, s.position limit 1 for no key update of s`,
    [tx.tenantId, pipelineId],
  )
  return stage
}

/**
 * The stage that a change of a deal is about to come into, before the deal itself: whoever places a deal may write its
 * neighbours, so two who hold one deal each and wait for the stage would wait for ever.
 */
export async function lockBoard(
  tx: TenantTx,
  dealId: number,
  values: Readonly<Record<string, unknown>>,
): Promise<void> {
  const own = values.deletedAt === null
  if (!own && typeof values.stageId !== 'number') return
  await tx.query(
    `select 1 from pipeline_stages where tenant_id = $1
     and id = ${own ? '(select d.stage_id from deals d where d.tenant_id = $1 and d.id = $2)' : '$2'} for no key update`,
    [tx.tenantId, own ? dealId : values.stageId],
  )
}
