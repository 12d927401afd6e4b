import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import { tellRecord } from '../records/write-record.ts'
import { pipelineKind } from './pipeline-kind.ts'
import { stageKind } from './stage-kind.ts'

const stages = [
  ['New', 10, 'open', '#64748b'],
  ['Qualified', 30, 'open', '#0ea5e9'],
  ['Proposal', 50, 'open', '#8b5cf6'],
  ['Negotiation', 75, 'open', '#f59e0b'],
  ['Won', 100, 'won', '#16a34a'],
  ['Lost', 0, 'lost', '#dc2626'],
] as const

/**
 * Gives a tenant its default pipeline with the usual stages, unless it has ever had a pipeline. Once, however many do it at
 * the same moment: a second default waits for the first at its unique index and then is none. Answers with the ids; null when
 * there was nothing to do.
 */
async function insertDefaultPipeline(
  tx: TenantTx,
): Promise<{ pipelineId: number; stageIds: number[] } | null> {
  const [made] = await tx.query<{ id: number }>(
    `insert into pipelines (tenant_id, name, is_default, created_at, updated_at)
     select $1, 'Sales', true, $2, $2 where not exists (select from pipelines where tenant_id = $1)
     on conflict do nothing returning id`,
    [tx.tenantId, tx.now],
  )
  if (!made) return null
  const rows = await tx.query<{ id: number }>(
    `insert into pipeline_stages (tenant_id, pipeline_id, name, position, probability, kind, color, created_at, updated_at)
     select $1, $2, s.name, s.position, s.probability, s.kind, s.color, $3, $3
     from json_to_recordset($4) as s(name text, position integer, probability integer, kind text, color text)
     order by s.position returning id`,
    [
      tx.tenantId,
      made.id,
      tx.now,
      JSON.stringify(
        stages.map(([name, probability, kind, color], at) => ({
          name,
          position: at + 1,
          probability,
          kind,
          color,
        })),
      ),
    ],
  )
  return { pipelineId: made.id, stageIds: rows.map(({ id }) => id) }
}

/** For a tenant that is being made: nobody can hold a state of it yet, so its log stays empty. */
export async function bearPipeline(tx: TenantTx): Promise<void> {
  await insertDefaultPipeline(tx)
}

/** For a tenant that is there: everybody who looks on hears of it. Answers whether there was something to do. */
export async function seedPipeline(tx: TenantTx, by: Doer): Promise<boolean> {
  const made = await insertDefaultPipeline(tx)
  if (made === null) return false
  await tellRecord(tx, pipelineKind, by, 'created', null, made.pipelineId)
  for (const id of made.stageIds) await tellRecord(tx, stageKind, by, 'created', null, id)
  return true
}

/** Does that for the tenants that have never had a pipeline, at most so many. Answers how many there were. */
export async function seedPipelines(deps: LogDeps, { atMost }: { readonly atMost: number }): Promise<number> {
  const { rows } = await deps.db.read.query<{ tenant_id: string }>(
    'select tenant_id from tenants_without_pipeline($1)',
    [atMost],
  )
  let seeded = 0
  for (const { tenant_id: tenantId } of rows) {
    const by = { actor: { kind: 'system', tenantId, name: 'switchboard' } } as const
    if (await inTenant(deps, tenantId, (tx) => seedPipeline(tx, by))) seeded += 1
  }
  return seeded
}
