import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

/** Days of a tenant's calendar, and the moments that they begin and end at. */
export interface ReportPeriod {
  readonly from: string
  readonly to: string
  readonly timeZone: string
  readonly startsAt: string
  readonly endsAt: string
}

const dayMs = 86_400_000

/**
 * The period that is asked for, whole days in the tenant's time zone: up to today, and from the first of the last day's
 * month, when not said. A day has as many hours as that zone's clocks give it.
 * Fails with `validation_failed` for an end before the beginning and for more than REPORT_DAYS days.
 */
export async function reportPeriod(
  query: TenantTx['query'],
  tenantId: string,
  asked: { readonly from?: string | undefined; readonly to?: string | undefined },
  { now, mostDays }: { readonly now: Date; readonly mostDays: number },
): Promise<ReportPeriod> {
  const [days] = await query<Omit<ReportPeriod, 'startsAt' | 'endsAt'>>(
    `select d.from::text, d.to::text, d.time_zone as "timeZone" from (
       select e.time_zone, e.to, coalesce($2::date, date_trunc('month', e.to)::date) as from from (
         select t.time_zone, coalesce($3::date, ($4::timestamptz at time zone t.time_zone)::date) as to
         from tenants t where t.id = $1) e) d`,
    [tenantId, asked.from ?? null, asked.to ?? null, now],
  )
  if (!days) throw new Error('the tenant of a request is not there')
  const count = (Date.parse(days.to) - Date.parse(days.from)) / dayMs + 1
  if (count < 1) throw invalid([{ in: 'query', pointer: '/to', message: 'before from' }])
  if (count > mostDays)
    throw invalid([{ in: 'query', pointer: '/from', message: `a report covers at most ${mostDays} days` }])
  const [bounds] = await query<Pick<ReportPeriod, 'startsAt' | 'endsAt'>>(
    `select $1::date::timestamp at time zone $3 as "startsAt", ($2::date + 1)::timestamp at time zone $3 as "endsAt"`,
    [days.from, days.to, days.timeZone],
  )
  if (!bounds) throw new Error('a day has no beginning')
  return { ...days, ...bounds }
}
