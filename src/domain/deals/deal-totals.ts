import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { StageTotal } from '../../contract/crm/deal.ts'
import { visibleTo } from '../records/list-records.ts'
import type { Bind, Query } from '../records/record-kind.ts'
import { dealRights } from './present-deal.ts'

interface TotalRow {
  stage_id: number
  pipeline_id: number
  currency: string | null
  count: number
  valued: number
  value_minor: number | null
}

/**
 * How many deals lie in each stage and what they are worth, by currency; empty stages too, in the order of the board. Only of
 * deals that the actor may read. Cost: the entries that the index deals_totals has of the tenant's live deals, 0.1 s for 600,000;
 * for an agent to whom numbers are closed two and a half times that, for a look at what each deal of nobody is about.
 */
export async function dealTotals(
  query: Query,
  actor: Actor,
  pipelineId: number | undefined,
): Promise<StageTotal[]> {
  permit(actor, dealRights.read)
  const values: unknown[] = []
  const bind: Bind = (value) => `$${values.push(value)}`
  const rows = await query<TotalRow>(
    `select s.id as stage_id, s.pipeline_id, t.currency, coalesce(t.count, 0) as count, coalesce(t.valued, 0) as valued, t.value_minor
     from pipeline_stages s join pipelines p on p.tenant_id = s.tenant_id and p.id = s.pipeline_id
     left join (
       select r.stage_id, r.currency, count(*) as count, count(r.value_minor) as valued, sum(r.value_minor)::float8 as value_minor
       from deals r where r.tenant_id = ${bind(actor.tenantId)} and r.deleted_at is null and ${visibleTo(actor, { rights: dealRights }, bind)}
       group by r.stage_id, r.currency) t on t.stage_id = s.id
     where s.tenant_id = $1 and s.deleted_at is null and p.deleted_at is null
       ${pipelineId === undefined ? '' : `and s.pipeline_id = ${bind(pipelineId)}`}
     order by s.pipeline_id, s.position, t.currency`,
    values,
  )
  const totals = new Map<number, StageTotal>()
  for (const row of rows) {
    const total = totals.get(row.stage_id)
    const { currency, valued, value_minor: valueMinor } = row
    totals.set(row.stage_id, {
      stageId: row.stage_id,
      pipelineId: row.pipeline_id,
      count: (total?.count ?? 0) + row.count,
      values: [
        ...(total?.values ?? []),
        ...(currency === null || valueMinor === null ? [] : [{ currency, count: valued, valueMinor }]),
      ],
    })
  }
  return [...totals.values()]
}
