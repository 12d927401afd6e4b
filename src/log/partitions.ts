import type { LogDeps } from './tenant-tx.ts'

export interface Partitions {
  readonly count: number
  /** First and last day that has a partition, such as 2026-11-21; null when there is none. */
  readonly from: string | null
  readonly to: string | null
  /** Days between yesterday and tomorrow, in UTC, that have none: their events go to the default partition. */
  readonly missing: readonly string[]
  /** How long the newest partition still lasts; negative when it is over. */
  readonly hoursAhead: number
}

/** The days of the log that have a partition. Looks at the catalogue of the database only. */
export async function readPartitions(deps: Pick<LogDeps, 'db'>): Promise<Partitions> {
  const { rows } = await deps.db.read.query<{
    days: string[]
    missing: string[]
    hours_ahead: number | null
  }>(
    `with days as (
       select to_date(right(c.relname, 8), 'YYYYMMDD') as day from pg_inherits i join pg_class c on c.oid = i.inhrelid
       where i.inhparent = 'events'::regclass and c.relname ~ '^events_\\d{8}$')
     select array(select day::text from days order by day) as days,
            array(select d::date::text from generate_series(current_date - 1, current_date + 1, interval '1 day') d
                  where d::date not in (select day from days)) as missing,
            extract(epoch from (select max(day) + 1 from days)::timestamptz - now())::double precision / 3600 as hours_ahead`,
  )
  const { days = [], missing = [], hours_ahead: hoursAhead = null } = rows[0] ?? {}
  return {
    count: days.length,
    from: days[0] ?? null,
    to: days.at(-1) ?? null,
    missing,
    hoursAhead: hoursAhead ?? Number.NEGATIVE_INFINITY,
  }
}
