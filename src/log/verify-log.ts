import { formatPosition, type Position } from '../contract/position.ts'
import { type EventRow, faultOf } from './event-fault.ts'
import { readTenant } from './read-tenant.ts'
import type { LogDeps, TenantTx } from './tenant-tx.ts'

type Query = TenantTx['query']

/** PostgreSQL's largest integer. */
const lastEpoch = 2_147_483_647

export type FindingCode =
  /** Numbers are missing between two events. */
  | 'hole'
  /** A number is there twice. */
  | 'doubled'
  /** The oldest events are missing although nothing of this tenant can have been dropped yet. */
  | 'beginning_missing'
  /** The head is ahead of the newest event. */
  | 'end_missing'
  /** Events beyond the head: the head was set back, and their numbers will be given again. */
  | 'beyond_head'
  /** An event that the catalogue does not know, or not like this. */
  | 'wrong_event'
  /** The tenant has no head row: it can record nothing. */
  | 'no_head'

export interface Finding {
  readonly code: FindingCode
  /** Where, as epoch:seq. */
  readonly position: string | null
  readonly detail: string
}

export interface LogReport {
  readonly head: string | null
  /** The oldest event that is kept; null when none is. */
  readonly oldest: string | null
  readonly events: number
  /** Epochs of which events are kept. */
  readonly epochs: readonly number[]
  readonly findings: readonly Finding[]
  /** Findings that are not listed, because there are too many. */
  readonly more: number
}

export interface VerifyOptions {
  /** Events per read. */
  readonly page: number
  /** Findings that are listed; the others are counted. */
  readonly mostFindings: number
}

/**
 * Reads a tenant's whole log and says what is wrong with it: numbers that are missing or doubled, a head that is not the
 * newest event, events that no reader could understand. Changes nothing. What is dropped with its partition while this
 * goes on is not taken for a hole. An event that was edited into another one that makes sense is not found.
 * Cost: two passes over the primary key, a page at a time, in short transactions; bounded memory; no locks.
 */
export async function verifyLog(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  options: VerifyOptions,
): Promise<LogReport> {
  const findings = new Findings(options.mostFindings)
  const head = await readTenant(deps, tenantId, (query) => headOf(query, tenantId))
  if (head === null) findings.add('no_head', null, 'the tenant has no head row')

  const spans = await readTenant(deps, tenantId, (query) =>
    spansOf(query, tenantId, head?.epoch ?? lastEpoch),
  )
  let oldest: Position | null = null
  let last: EventRow | null = null
  let events = 0
  for (const { epoch, first, newest } of spans) {
    const end = epoch === head?.epoch ? Math.min(newest, head.seq) : newest
    for (let at = first - 1; at < end; ) {
      const to = Math.min(at + options.page, end)
      const { rows, next } = await readTenant(deps, tenantId, (query) =>
        stretch(query, tenantId, epoch, at, to),
      )
      for (const row of rows) {
        oldest ??= row
        const gap = gapBetween(last, row)
        if (gap !== null && !(gap.code === 'hole' && (await wasDropped(deps, tenantId, row))))
          findings.add(gap.code, row, gap.detail)
        const fault = faultOf(row)
        if (fault !== null) findings.add('wrong_event', row, `${row.type}: ${fault}`)
        last = row
        events += 1
      }
      at = next
    }
  }

  if (head !== null) {
    const { ends, beyond, wasTrimmed } = await readTenant(deps, tenantId, async (query) => ({
      ends: endOf(head, last),
      beyond: await countBeyond(query, tenantId, head),
      wasTrimmed: await canBeTrimmed(query, tenantId),
    }))
    if (oldest !== null && oldest.seq > 1 && !wasTrimmed)
      findings.add(
        'beginning_missing',
        oldest,
        `the oldest event is ${oldest.seq}, and none was ever dropped`,
      )
    if (oldest === null && head.seq > 0 && !wasTrimmed)
      findings.add('end_missing', head, 'there are no events, and none was ever dropped')
    if (ends !== null) findings.add('end_missing', head, ends)
    if (beyond > 0)
      findings.add(
        'beyond_head',
        head,
        `${beyond} events are beyond the head; their numbers will be given again`,
      )
  }
  return {
    head: head && formatPosition(head),
    oldest: oldest && formatPosition(oldest),
    events,
    epochs: spans.map((span) => span.epoch),
    findings: findings.listed,
    more: findings.more,
  }
}

/** Keeps the first findings and counts the others. */
class Findings {
  readonly listed: Finding[] = []
  more = 0
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  add(code: FindingCode, at: Position | null, detail: string): void {
    if (this.listed.length >= this.#most) this.more += 1
    else this.listed.push({ code, position: at && formatPosition(at), detail })
  }
}

async function headOf(query: Query, tenantId: string): Promise<Position | null> {
  const [head] = await query<Position>('select epoch, seq from tenant_heads where tenant_id = $1', [tenantId])
  return head ?? null
}

interface Span {
  readonly epoch: number
  readonly first: number
  readonly newest: number
}

/** What is there of each epoch up to the present one. */
function spansOf(query: Query, tenantId: string, until: number): Promise<Span[]> {
  return query<Span>(
    `select epoch, min(seq) as first, max(seq) as newest from events where tenant_id = $1 and epoch <= $2
     group by epoch order by epoch`,
    [tenantId, until],
  )
}

/**
 * Events behind `after` up to `to`, and where to go on: `to`, or, when there are none, right before the next one. By range
 * and not by count, because the planner would sort all that is left for every page.
 */
async function stretch(
  query: Query,
  tenantId: string,
  epoch: number,
  after: number,
  to: number,
): Promise<{ rows: EventRow[]; next: number }> {
  const rows = await query<EventRow>(
    `select epoch, seq, type, scope, conversation_id, actor::text as actor, payload::text as payload from events
     where tenant_id = $1 and epoch = $2 and seq > $3 and seq <= $4 order by seq, occurred_at`,
    [tenantId, epoch, after, to],
  )
  if (rows.length > 0) return { rows, next: to }
  const [behind] = await query<{ seq: number | null }>(
    'select min(seq) as seq from events where tenant_id = $1 and epoch = $2 and seq > $3',
    [tenantId, epoch, to],
  )
  return { rows, next: behind?.seq ? behind.seq - 1 : Number.MAX_SAFE_INTEGER }
}

/** What is wrong between two events that follow each other; null when nothing is. */
function gapBetween(
  last: EventRow | null,
  row: EventRow,
): { code: 'hole' | 'doubled'; detail: string } | null {
  // A former epoch may end anywhere: its tail was lost, or it would be no former one.
  if (last === null) return null
  if (last.epoch !== row.epoch)
    return row.seq === 1
      ? null
      : {
          code: 'hole',
          detail: `epoch ${row.epoch} begins with ${row.seq}: ${row.seq - 1} events are missing`,
        }
  const expected = last.seq + 1
  if (row.seq === expected) return null
  if (row.seq === last.seq) return { code: 'doubled', detail: `${row.seq} is there twice` }
  const missing = row.seq - expected
  return {
    code: 'hole',
    detail:
      missing === 1
        ? `${expected} is missing`
        : `${expected} to ${row.seq - 1} are missing (${missing} events)`,
  }
}

/** Whether everything before this event is gone by now: its partition was dropped while we read. */
async function wasDropped(deps: Pick<LogDeps, 'db'>, tenantId: string, row: EventRow): Promise<boolean> {
  const earlier = await readTenant(deps, tenantId, (query) =>
    query('select from events where tenant_id = $1 and (epoch, seq) < ($2, $3) limit 1', [
      tenantId,
      row.epoch,
      row.seq,
    ]),
  )
  return earlier.length === 0
}

/** What is missing between the newest event and the head; null when nothing is. */
function endOf(head: Position, last: Position | null): string | null {
  if (last === null || (last.epoch < head.epoch && head.seq === 0)) return null
  if (last.epoch === head.epoch && last.seq === head.seq) return null
  return `the newest event is ${formatPosition(last)}, the head is ${formatPosition(head)}`
}

async function countBeyond(query: Query, tenantId: string, head: Position): Promise<number> {
  const [row] = await query<{ beyond: number }>(
    'select count(*) as beyond from events where tenant_id = $1 and (epoch, seq) > ($2, $3)',
    [tenantId, head.epoch, head.seq],
  )
  return row?.beyond ?? 0
}

/** Whether a partition of a time when the tenant existed can have been dropped: is the oldest one younger than it? */
async function canBeTrimmed(query: Query, tenantId: string): Promise<boolean> {
  const [row] = await query<{ trimmed: boolean }>(
    `select exists (select from tenants t where t.id = $1 and t.created_at <
       (select min(to_date(right(c.relname, 8), 'YYYYMMDD')) from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'events'::regclass and c.relname ~ '^events_\\d{8}$')) as trimmed`,
    [tenantId],
  )
  return row?.trimmed ?? false
}
