import { type PipelineView, pipelineView } from '../../contract/crm/pipeline.ts'
import { Failure } from '../../contract/errors.ts'
import { pipelinePart, wholePipeline } from '../../contract/rest/pipelines.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { containing, timeFilters, timeSorts } from '../records/common-filters.ts'
import { findRecord } from '../records/find-record.ts'
import type { Change, RecordKind, RecordRow } from '../records/record-kind.ts'
import { tellRecord } from '../records/write-record.ts'
import { countDeals } from './count-deals.ts'
import { stageKind } from './stage-kind.ts'

interface PipelineRow extends RecordRow {
  name: string
  is_default: boolean
}

/** Ways that deals go. One of them is the default. */
export const pipelineKind: RecordKind<PipelineRow, PipelineView> = {
  noun: 'pipeline',
  path: 'pipelines',
  table: 'pipelines',
  select: 'r.id, r.name, r.is_default, r.version, r.created_at, r.updated_at, r.deleted_at',
  joins: '',
  members: { name: { column: 'name', type: 'text' }, isDefault: { column: 'is_default', type: 'boolean' } },
  view: pipelineView,
  whole: wholePipeline,
  part: pipelinePart,
  filters: { q: containing('search_key(r.name)'), ...timeFilters },
  sorts: { name: { sql: 'lower(r.name)', type: 'text', order: 'asc' }, ...timeSorts },
  sortedBy: 'name',
  present: (row) => ({
    id: row.id,
    name: row.name,
    isDefault: row.is_default,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
    version: row.version,
  }),
  rights: { read: 'record.read', write: 'pipeline.manage' },
  constraints: { pipelines_one_per_name: 'name', pipelines_one_default: 'isDefault' },
  // All of them, so that of two who choose a default at the same moment the second sees what the first chose.
  lockFirst: lockPipelines,
  prepare: takeOverDefault,
  beforeDelete: deleteStages,
  follow: async (tx, id, { before, values, by }) => {
    if (values.deletedAt === null && before?.deleted_at) await restoreStages(tx, id, before.deleted_at, by)
  },
}

async function lockPipelines(tx: TenantTx): Promise<void> {
  await tx.query('select 1 from pipelines where tenant_id = $1 order by id for no key update', [tx.tenantId])
}

/** There is always one default: the first one is, it goes over to another pipeline, and is not given up. */
async function takeOverDefault(
  tx: TenantTx,
  { before, values, by }: Change<PipelineRow>,
): Promise<Change<PipelineRow>['values']> {
  if (before !== null && (values.isDefault === undefined || values.isDefault === before.is_default))
    return values
  if (before !== null && values.isDefault === false)
    throw invalid([
      { in: 'body', pointer: '/isDefault', message: 'make another pipeline the default instead' },
    ])
  await lockPipelines(tx)
  const [former] = await tx.query<{ id: number }>(
    'select id from pipelines where tenant_id = $1 and is_default',
    [tx.tenantId],
  )
  if (!former) return { ...values, isDefault: true }
  if (values.isDefault === false) return values
  const was = await findRecord(tx.query.bind(tx), tx.tenantId, pipelineKind, former.id)
  await tx.query(
    'update pipelines set is_default = false, version = version + 1, updated_at = $3 where tenant_id = $1 and id = $2',
    [tx.tenantId, former.id, tx.now],
  )
  await tellRecord(tx, pipelineKind, by, 'updated', was ?? null, former.id)
  return values
}

/** A pipeline goes with its stages; not while deals are in them, and not the default one. */
async function deleteStages(tx: TenantTx, row: PipelineRow, by: Doer): Promise<void> {
  if (row.is_default)
    throw new Failure(
      'conflict',
      {},
      { message: 'make another pipeline the default before deleting this one' },
    )
  const stages = await tx.query<{ id: number }>(
    'select id from pipeline_stages where tenant_id = $1 and pipeline_id = $2 and deleted_at is null order by id for no key update',
    [tx.tenantId, row.id],
  )
  const ids = stages.map(({ id }) => id)
  const deals = await countDeals(tx, ids)
  if (deals > 0) throw new Failure('conflict', { deals }, { message: 'there are deals in its stages' })
  await turnStages(tx, ids, tx.now, 'deleted', by)
}

/** Those that went with their pipeline come back with it. */
async function restoreStages(tx: TenantTx, pipelineId: number, deletedAt: string, by: Doer): Promise<void> {
  const stages = await tx.query<{ id: number }>(
    `select id from pipeline_stages
     where tenant_id = $1 and pipeline_id = $2 and deleted_at = $3 order by id for no key update`,
    [tx.tenantId, pipelineId, deletedAt],
  )
  await turnStages(
    tx,
    stages.map(({ id }) => id),
    null,
    'restored',
    by,
  )
}

async function turnStages(
  tx: TenantTx,
  ids: readonly number[],
  deletedAt: Date | null,
  verb: 'deleted' | 'restored',
  by: Doer,
): Promise<void> {
  for (const id of ids) {
    const was = await findRecord(tx.query.bind(tx), tx.tenantId, stageKind, id)
    await tx.query(
      'update pipeline_stages set deleted_at = $3, version = version + 1, updated_at = $4 where tenant_id = $1 and id = $2',
      [tx.tenantId, id, deletedAt, tx.now],
    )
    await tellRecord(tx, stageKind, by, verb, was ?? null, id)
  }
}
