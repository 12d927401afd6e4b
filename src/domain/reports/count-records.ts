import type { Overview } from '../../contract/rest/reports.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { ReportPeriod } from './report-period.ts'

type Query = TenantTx['query']
type Deals = Overview['deals']
type Money = Deals['won']['value']

/** Customers as they are now, and those that were added in the period. */
export async function countCustomers(
  query: Query,
  tenantId: string,
  { startsAt, endsAt }: ReportPeriod,
): Promise<Overview['customers']> {
  const [row] = await query<Overview['customers']['byStatus'] & { created: number }>(
    `select count(*) filter (where status = 'lead') as lead, count(*) filter (where status = 'prospect') as prospect,
       count(*) filter (where status = 'active') as active, count(*) filter (where status = 'inactive') as inactive,
       count(*) filter (where created_at >= $2 and created_at < $3) as created
     from customers where tenant_id = $1 and deleted_at is null`,
    [tenantId, startsAt, endsAt],
  )
  const { created = 0, lead = 0, prospect = 0, active = 0, inactive = 0 } = row ?? {}
  return { byStatus: { lead, prospect, active, inactive }, created }
}

/** Deals: the open ones as they are now, and what happened in the period. */
export async function countDeals(query: Query, tenantId: string, period: ReportPeriod): Promise<Deals> {
  const { startsAt, endsAt } = period
  const open = await query<Deals['openByStage'][number]>(
    `select s.pipeline_id as "pipelineId", s.id as "stageId", s.name as stage, coalesce(sum(v.deals), 0)::integer as count,
       coalesce(json_agg(json_build_object('currency', v.currency, 'valueMinor', v.value) order by v.currency)
         filter (where v.currency is not null), '[]') as value
     from pipeline_stages s join pipelines p on p.tenant_id = s.tenant_id and p.id = s.pipeline_id
     left join (
       select stage_id, case when value_minor is null then null else currency end as currency, count(*) as deals,
         sum(value_minor) as value
       from deals where tenant_id = $1 and deleted_at is null group by 1, 2) v on v.stage_id = s.id
     where s.tenant_id = $1 and s.deleted_at is null and p.deleted_at is null and s.kind = 'open'
     group by s.id, s.pipeline_id, s.name, s.position order by s.pipeline_id, s.position`,
    [tenantId],
  )
  const closed = await query<{
    kind: 'won' | 'lost'
    currency: string | null
    count: number
    value: number | null
  }>(
    `select s.kind, case when d.value_minor is null then null else d.currency end as currency, count(*) as count,
       sum(d.value_minor)::float8 as value
     from deals d join pipeline_stages s on s.tenant_id = d.tenant_id and s.id = d.stage_id
     where d.tenant_id = $1 and d.deleted_at is null and s.kind in ('won', 'lost') and d.closed_at >= $2 and d.closed_at < $3
     group by 1, 2 order by 1, 2`,
    [tenantId, startsAt, endsAt],
  )
  const timeInStage = await query<Deals['timeInStage'][number]>(
    `select s.pipeline_id as "pipelineId", s.id as "stageId", s.name as stage, count(*) as "left",
       avg(c.seconds_in_stage)::float8 as "averageSeconds"
     from deal_stage_changes c join pipeline_stages s on s.tenant_id = c.tenant_id and s.id = c.from_stage_id
     join deals d on d.tenant_id = c.tenant_id and d.id = c.deal_id
     where c.tenant_id = $1 and c.at >= $2 and c.at < $3 and s.kind = 'open' and d.deleted_at is null
     group by s.id, s.pipeline_id, s.name, s.position order by s.pipeline_id, s.position, s.id`,
    [tenantId, startsAt, endsAt],
  )
  const total = (kind: 'won' | 'lost'): Deals['won'] => {
    const rows = closed.filter((row) => row.kind === kind)
    return {
      count: rows.reduce((sum, row) => sum + row.count, 0),
      value: rows.flatMap(
        ({ currency, value }): Money =>
          currency === null || value === null ? [] : [{ currency, valueMinor: value }],
      ),
    }
  }
  const [won, lost] = [total('won'), total('lost')]
  const all = won.count + lost.count
  return { openByStage: open, won, lost, winRate: all === 0 ? null : won.count / all, timeInStage }
}

/** Activities: what is open as of now, and what was done in the period. */
export async function countActivities(
  query: Query,
  tenantId: string,
  { startsAt, endsAt }: ReportPeriod,
  now: Date,
): Promise<Overview['activities']> {
  const [row] = await query<Overview['activities']>(
    `select count(*) filter (where status = 'open' and due_at >= greatest($4::timestamptz, $2) and due_at < $3) as due,
       count(*) filter (where status = 'open' and due_at < $4) as overdue,
       count(*) filter (where status = 'done' and completed_at >= $2 and completed_at < $3) as done
     from activities where tenant_id = $1 and deleted_at is null`,
    [tenantId, startsAt, endsAt, now],
  )
  return row ?? { due: 0, overdue: 0, done: 0 }
}
