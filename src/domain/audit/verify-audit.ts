import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps, TenantTx } from '../../log/tenant-tx.ts'

type Query = TenantTx['query']

export type AuditFindingCode =
  /** Entries are missing between two that are there, or before the first. */
  | 'missing'
  /** An entry is not what it was when it was written, or the one before it is not. */
  | 'altered'
  /** The chain's end is not there any more. */
  | 'end_missing'
  /** Entries beyond the chain's end: nobody wrote them through the database's trigger. */
  | 'beyond_end'
  /** The end of the chain is not the hash of its newest entry. */
  | 'wrong_end'
  /** The chain does not go through the entry that an anchor named, or not as it was then. */
  | 'wrong_anchor'

export interface AuditFinding {
  readonly code: AuditFindingCode
  /** Number of the entry. */
  readonly entry: number
  readonly detail: string
}

export interface AuditReport {
  readonly entries: number
  /** Number and hash of the newest entry, `7:ab12…`: kept elsewhere it is an anchor for later. Null when there is none. */
  readonly end: string | null
  readonly findings: readonly AuditFinding[]
  /** Findings that are not listed, because there are too many. */
  readonly more: number
}

/** What an earlier look said was the end. */
export interface Anchor {
  readonly number: number
  /** Hexadecimal. */
  readonly hash: string
}

interface EntryRow {
  number: number
  hash: string
  holds: boolean
}

/**
 * Computes a tenant's whole audit trail anew and says where it is not what was written: entries that were altered, taken out
 * or put in, and an end that was cut off. Who can alter the tables can also compute a new chain from some entry on; that is
 * found with an anchor from before. Changes nothing.
 * Cost: one pass over the index of numbers, a page at a time, in short transactions; no locks.
 */
export async function verifyAudit(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  options: {
    readonly page: number
    readonly mostFindings: number
    readonly anchor?: Anchor | undefined
  },
): Promise<AuditReport> {
  const findings: AuditFinding[] = []
  let more = 0
  const find = (code: AuditFindingCode, entry: number, detail: string): void => {
    if (findings.length >= options.mostFindings) more += 1
    else findings.push({ code, entry, detail })
  }
  const { anchor } = options
  const end = await readTenant(deps, tenantId, (query) => endOf(query, tenantId))
  let last = { number: 0, hash: '' }
  let entries = 0
  let anchored = false
  // What is appended while this goes on is for the next time.
  while (last.number < end.number) {
    const rows = await readTenant(deps, tenantId, (query) =>
      readPage(query, tenantId, last, { until: end.number, limit: options.page }),
    )
    for (const row of rows) {
      if (row.number > last.number + 1) find('missing', row.number - 1, gapBetween(last.number, row.number))
      // Behind a gap nobody knows the hash of the entry before.
      else if (!row.holds)
        find('altered', row.number, 'its hash is not that of its content and the entry before')
      if (row.number === anchor?.number) {
        anchored = true
        if (row.hash !== anchor.hash) find('wrong_anchor', row.number, 'the anchor has another hash')
      }
      last = row
      entries += 1
    }
    if (rows.length < options.page) break
  }
  if (last.number < end.number) find('end_missing', end.number, gapBetween(last.number, end.number + 1))
  else if (last.hash !== end.hash) find('wrong_end', end.number, 'the end of the chain has another hash')
  if (anchor && !anchored) find('wrong_anchor', anchor.number, 'there is no such entry')
  const beyond = await readTenant(deps, tenantId, (query) => countBeyond(query, tenantId))
  if (beyond > 0) find('beyond_end', end.number, `${beyond} entries are beyond the end of the chain`)
  return { entries, end: end.number === 0 ? null : `${end.number}:${end.hash}`, findings, more }
}

async function endOf(query: Query, tenantId: string): Promise<{ number: number; hash: string }> {
  const [end] = await query<{ number: number; hash: string }>(
    `select number, encode(hash, 'hex') as hash from audit_heads where tenant_id = $1`,
    [tenantId],
  )
  return end ?? { number: 0, hash: '' }
}

/** Entries behind one, each with whether its hash is that of its content behind the hash of the entry before. */
function readPage(
  query: Query,
  tenantId: string,
  after: { readonly number: number; readonly hash: string },
  to: { readonly until: number; readonly limit: number },
): Promise<EntryRow[]> {
  return query<EntryRow>(
    `select p.number, encode(p.hash, 'hex') as hash,
       p.hash = audit_hash(lag(p.hash, 1, decode($3, 'hex')) over (order by p.number), p.entry) as holds
     from (select a.number, a.hash, a as entry from audit_logs a
           where a.tenant_id = $1 and a.number > $2 and a.number <= $4 order by a.number limit $5) p
     order by p.number`,
    [tenantId, after.number, after.hash, to.until, to.limit],
  )
}

/** In one snapshot, because both grow meanwhile. */
async function countBeyond(query: Query, tenantId: string): Promise<number> {
  const [row] = await query<{ beyond: number }>(
    `select count(*) as beyond from audit_logs where tenant_id = $1
     and number > coalesce((select number from audit_heads where tenant_id = $1), 0)`,
    [tenantId],
  )
  return row?.beyond ?? 0
}

function gapBetween(last: number, next: number): string {
  return last + 2 === next ? `${last + 1} is missing` : `${last + 1} to ${next - 1} are missing`
}
