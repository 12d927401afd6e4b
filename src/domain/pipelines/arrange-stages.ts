import type { PipelineStageView } from '../../contract/crm/pipeline.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { RecordRow } from '../records/record-kind.ts'

export interface StageRow extends RecordRow {
  pipeline_id: number
  name: string
  position: number
  probability: number
  kind: PipelineStageView['kind']
  color: string | null
}

/** Columns of a StageRow, for `select … from pipeline_stages r`. */
export const stageSelect = `r.id, r.pipeline_id, r.name, r.position, r.probability, r.kind, r.color,
  r.version, r.created_at, r.updated_at, r.deleted_at`

/**
 * Makes room for a stage at a place of its locked pipeline, counted from 1; without a place behind the last. Answers with
 * its position, and with the others that moved as they were: they are written here, and their news is for the caller.
 * The stage itself, when it is there already, gets its position here too, because after each statement all are different.
 */
export async function arrangeStages(
  tx: TenantTx,
  pipelineId: number,
  stageId: number | null,
  place: number | undefined,
): Promise<{ position: number; moved: StageRow[] }> {
  const rows = await tx.query<StageRow>(
    `select ${stageSelect} from pipeline_stages r
     where r.tenant_id = $1 and r.pipeline_id = $2 and r.deleted_at is null order by r.position for no key update`,
    [tx.tenantId, pipelineId],
  )
  const others = rows.filter((row) => row.id !== stageId)
  if (place === undefined) return { position: (others.at(-1)?.position ?? 0) + 1, moved: [] }
  const position = Math.min(place, others.length + 1)
  const placed = others.map((row, at) => ({ row, to: at + 1 < position ? at + 1 : at + 2 }))
  const moved = placed.filter(({ row, to }) => row.position !== to)
  await tx.query(
    `update pipeline_stages r set position = v.position, version = r.version + v.news, updated_at = case when v.news = 1 then $2 else r.updated_at end
     from unnest($3::integer[], $4::integer[], $5::integer[]) as v(id, position, news) where r.tenant_id = $1 and r.id = v.id`,
    [
      tx.tenantId,
      tx.now,
      [...moved.map(({ row }) => row.id), stageId],
      [...moved.map(({ to }) => to), position],
      [...moved.map(() => 1), 0],
    ],
  )
  return { position, moved: moved.map(({ row }) => row) }
}
