import { type PipelineStageView, pipelineStageView, stageKinds } from '../../contract/crm/pipeline.ts'
import { Failure } from '../../contract/errors.ts'
import { stagePart, wholeStage } from '../../contract/rest/pipelines.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { containing, oneOf, refersTo, timeFilters, timeSorts } from '../records/common-filters.ts'
import type { Change, RecordKind } from '../records/record-kind.ts'
import { tellRecord } from '../records/write-record.ts'
import { arrangeStages, type StageRow, stageSelect } from './arrange-stages.ts'
import { countDeals } from './count-deals.ts'

/** Steps of a pipeline, in order. */
export const stageKind: RecordKind<StageRow, PipelineStageView> = {
  noun: 'pipeline_stage',
  path: 'pipeline-stages',
  table: 'pipeline_stages',
  select: stageSelect,
  joins: '',
  members: {
    pipelineId: { column: 'pipeline_id', type: 'integer' },
    name: { column: 'name', type: 'text' },
    position: { column: 'position', type: 'integer' },
    probability: { column: 'probability', type: 'integer' },
    kind: { column: 'kind', type: 'text' },
    color: { column: 'color', type: 'text' },
  },
  view: pipelineStageView,
  whole: wholeStage,
  part: stagePart,
  filters: {
    q: containing('search_key(r.name)'),
    pipelineId: refersTo('r.pipeline_id'),
    kind: oneOf('r.kind', stageKinds),
    ...timeFilters,
  },
  sorts: {
    position: { sql: 'r.position', type: 'integer', order: 'asc' },
    name: { sql: 'lower(r.name)', type: 'text', order: 'asc' },
    ...timeSorts,
  },
  sortedBy: 'position',
  includes: ['pipeline'],
  present: (row) => ({
    id: row.id,
    pipelineId: row.pipeline_id,
    name: row.name,
    position: row.position,
    probability: row.probability,
    kind: row.kind,
    color: row.color,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
    version: row.version,
  }),
  rights: { read: 'record.read', write: 'pipeline.manage' },
  constraints: { pipeline_stages_one_per_name: 'name' },
  // The pipeline comes before its stages, because who arranges one writes others.
  lockFirst: async (tx, id) => {
    await tx.query(
      `select 1 from pipelines where tenant_id = $1
       and id = (select s.pipeline_id from pipeline_stages s where s.tenant_id = $1 and s.id = $2) for no key update`,
      [tx.tenantId, id],
    )
  },
  prepare: prepareStage,
  beforeDelete: async (tx, row) => {
    const deals = await countDeals(tx, [row.id])
    if (deals > 0)
      throw new Failure(
        'conflict',
        { deals },
        { message: 'there are deals in it; say with moveTo where they go' },
      )
  },
  // Its own place may be another's by now: it comes back as the last.
  beforeRestore: async (tx, row) => {
    const pipelineId = await lockPipeline(tx, row.pipeline_id)
    if (pipelineId === undefined) throw new Failure('conflict', {}, { message: 'its pipeline was deleted' })
    const { position } = await arrangeStages(tx, pipelineId, row.id, undefined)
    await tx.query('update pipeline_stages set position = $3 where tenant_id = $1 and id = $2', [
      tx.tenantId,
      row.id,
      position,
    ])
  },
}

/** Completes a stage with its pipeline and its place, and moves the others of the pipeline along. */
async function prepareStage(
  tx: TenantTx,
  { before, values, by }: Change<StageRow>,
): Promise<Readonly<Record<string, unknown>>> {
  const asked = values.pipelineId as number | undefined
  if (before !== null && asked !== undefined && asked !== before.pipeline_id)
    throw invalid([{ in: 'body', pointer: '/pipelineId', message: 'a stage stays in its pipeline' }])
  const pipelineId = await lockPipeline(tx, before?.pipeline_id ?? asked)
  if (pipelineId === undefined)
    throw invalid([{ in: 'body', pointer: '/pipelineId', message: 'there is no such pipeline' }])
  if (before !== null && values.kind !== undefined && values.kind !== before.kind) {
    const deals = await countDeals(tx, [before.id])
    if (deals > 0)
      throw new Failure(
        'conflict',
        { member: 'kind', deals },
        { message: 'there are deals in it: what became of them would change' },
      )
  }
  if (before !== null && values.position === undefined) return { ...values, pipelineId }
  const { position, moved } = await arrangeStages(
    tx,
    pipelineId,
    before?.id ?? null,
    values.position as number | undefined,
  )
  for (const other of moved) await tellRecord(tx, stageKind, by, 'updated', other, other.id)
  return { ...values, pipelineId, position }
}

/** A pipeline, or without an id the default one, locked until commit, so that its stages are arranged one after the other. */
async function lockPipeline(tx: TenantTx, id: number | undefined): Promise<number | undefined> {
  const [row] = await tx.query<{ id: number }>(
    `select id from pipelines where tenant_id = $1 and deleted_at is null and (id = $2 or $2::integer is null and is_default)
     for no key update`,
    [tx.tenantId, id ?? null],
  )
  return row?.id
}
