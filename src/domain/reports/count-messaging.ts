import type { Overview } from '../../contract/rest/reports.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { ReportPeriod } from './report-period.ts'

type Query = TenantTx['query']

/** Kinds of rows that nobody would call a message. */
const noMessages = `('reaction', 'system')`

/** Messages of the period, by the network's time. Cost: one scan of the period's part of the table. */
export async function countMessages(
  query: Query,
  tenantId: string,
  { startsAt, endsAt }: ReportPeriod,
): Promise<Overview['messages']> {
  const [row] = await query<Overview['messages']>(
    `select count(*) filter (where direction = 'in') as "in",
       count(*) filter (where direction = 'out' and status <> 'failed') as "out"
     from messages where tenant_id = $1 and sent_at >= $2 and sent_at < $3 and type not in ${noMessages}`,
    [tenantId, startsAt, endsAt],
  )
  return row ?? { in: 0, out: 0 }
}

/** Conversations as they are now, and those that began in the period. */
export async function countConversations(
  query: Query,
  tenantId: string,
  period: ReportPeriod,
): Promise<Overview['conversations']> {
  const [row] = await query<{
    open: number
    pending: number
    snoozed: number
    resolved: number
    opened: number
  }>(
    `select count(*) filter (where status = 'open') as open, count(*) filter (where status = 'pending') as pending,
       count(*) filter (where status = 'snoozed') as snoozed, count(*) filter (where status = 'resolved') as resolved,
       count(*) filter (where created_at >= $2 and created_at < $3) as opened
     from conversations where tenant_id = $1`,
    [tenantId, period.startsAt, period.endsAt],
  )
  const { opened = 0, open = 0, pending = 0, snoozed = 0, resolved = 0 } = row ?? {}
  return {
    byStatus: { open, pending, snoozed, resolved },
    opened,
    firstResponse: await timeFirstResponses(query, tenantId, period),
  }
}

/**
 * How long customers who wrote for the first time in a conversation waited for a person. Looks at the conversations that
 * were written in during the period, each by the index of its messages.
 */
async function timeFirstResponses(
  query: Query,
  tenantId: string,
  { startsAt, endsAt }: ReportPeriod,
): Promise<Overview['conversations']['firstResponse']> {
  const [row] = await query<Overview['conversations']['firstResponse']>(
    `with written as (
       select distinct m.conversation_id as id from messages m
       where m.tenant_id = $1 and m.sent_at >= $2 and m.sent_at < $3 and m.direction = 'in' and m.type not in ${noMessages}),
     asked as (
       select w.id, f.sent_at as at from written w cross join lateral (
         select m.sent_at from messages m
         where m.tenant_id = $1 and m.conversation_id = w.id and m.direction = 'in' and m.type not in ${noMessages}
         order by m.sent_at limit 1) f
       where f.sent_at >= $2),
     told as (
       select extract(epoch from r.sent_at - a.at)::float8 as seconds from asked a left join lateral (
         select m.sent_at from messages m
         where m.tenant_id = $1 and m.conversation_id = a.id and m.direction = 'out' and m.author_kind in ('agent', 'phone')
           and m.status <> 'failed' and m.type not in ${noMessages} and m.sent_at >= a.at
         order by m.sent_at limit 1) r on true)
     select count(seconds) as answered, count(*) - count(seconds) as waiting,
       percentile_cont(0.5) within group (order by seconds) as "medianSeconds",
       percentile_cont(0.9) within group (order by seconds) as "p90Seconds"
     from told`,
    [tenantId, startsAt, endsAt],
  )
  return row ?? { answered: 0, waiting: 0, medianSeconds: null, p90Seconds: null }
}
