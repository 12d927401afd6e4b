import type { Actor } from '../../auth/actor.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Claim } from './claim-import.ts'
import { finishImport, holdImport } from './claim-import.ts'
import type { CsvRow } from './csv-reader.ts'
import { keepDrafts, layOutDrafts, readDrafts } from './draft-records.ts'
import { type ImportRow, importColumns, tellImport } from './import-row.ts'
import type { Plan } from './map-columns.ts'
import { readRow } from './read-row.ts'
import { complaintOf, type RowOutcome, writeRow, type Writing } from './write-row.ts'

export type ImportLimits = Pick<Config, 'IMPORT_ERRORS' | 'IMPORT_LEASE_MS'>

/** Between two `import.progressed` of one import. */
const progressMs = 1000

/** Leaves a part of a transaction so that it is taken back: a dry run. */
class TakenBack extends Error {}

interface Batch {
  readonly claim: Claim
  readonly actor: Actor
  readonly plan: Plan
  readonly writing: Writing
  readonly rows: readonly CsvRow[]
  /** Rows before these, as this worker knows it. */
  readonly after: number
  readonly isLast: boolean
}

/**
 * Writes rows and, in the same transaction, how far the import is: whoever takes it over goes on behind them, and nothing is
 * written twice. False when it is not ours any more: nobody takes it over while its row is locked here, and who wakes up after
 * somebody did finds another token. The claim is renewed at the end once more, for a batch may take as long as a claim lasts. Locks: the import; then one import of a tenant after the other, so that two
 * files with one key do not both make the record that neither finds; then what its kind locks first, and records in the order
 * of the file.
 */
export async function writeBatch(tx: TenantTx, limits: ImportLimits, batch: Batch): Promise<boolean> {
  const { claim, after, rows, actor } = batch
  const held = await holdImport(tx, claim, limits.IMPORT_LEASE_MS)
  if (held === null || held.rows_done !== after) return false
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('switchboard import ' || $1, 0))`, [
    tx.tenantId,
  ])
  await batch.writing.file.lockFirst?.(tx)
  const counts = { created: 0, updated: 0, unchanged: 0 }
  const faults: { line: number; reason: string }[] = []
  const writeAll = async (): Promise<void> => {
    for (const [at, outcome] of (await writeRows(tx, batch, rows)).entries()) {
      if (typeof outcome === 'string') counts[outcome] += 1
      else faults.push({ line: rows[at]?.line ?? 0, reason: outcome.fault })
    }
  }
  if (held.dry_run) await rehearse(tx, held, batch, writeAll)
  else await writeAll()
  const room = Math.max(0, limits.IMPORT_ERRORS - held.failed)
  await tx.query(
    `insert into import_errors (tenant_id, import_id, line, reason)
     select $1, $2, e.line, e.reason from json_to_recordset($3) as e(line integer, reason text)`,
    [tx.tenantId, claim.row.id, JSON.stringify(faults.slice(0, room))],
  )
  const tells = held.told_at === null || tx.now.getTime() - Date.parse(held.told_at) >= progressMs
  const [now] = await tx.query<ImportRow>(
    `update imports i set rows_done = i.rows_done + $3, created = i.created + $4, updated = i.updated + $5,
       unchanged = i.unchanged + $6, failed = i.failed + $7, told_at = case when $8 then $9::timestamptz else i.told_at end,
       lease_until = clock_timestamp() + make_interval(secs => $10 / 1000.0)
     where i.tenant_id = $1 and i.id = $2 returning ${importColumns}`,
    [
      tx.tenantId,
      claim.row.id,
      rows.length,
      counts.created,
      counts.updated,
      counts.unchanged,
      faults.length,
      tells,
      tx.now,
      limits.IMPORT_LEASE_MS,
    ],
  )
  if (batch.isLast) await finishImport(tx, actor, claim.row.id, null)
  else if (tells && now) tellImport(tx, 'import.progressed', now)
  return true
}

type Outcome = RowOutcome | { readonly fault: string }

/**
 * What came of each of these rows. They are written together, without a savepoint for each; where one of them cannot be
 * written, its half is taken back and tried by halves again, until it stands alone. So a file without faults costs half the
 * round trips, and one fault costs a few rows that are written twice.
 */
async function writeRows(tx: TenantTx, batch: Batch, rows: readonly CsvRow[]): Promise<Outcome[]> {
  try {
    return await tx.attempt(async () => {
      const outcomes: Outcome[] = []
      for (const row of rows) outcomes.push(await writeOne(tx, batch, row))
      return outcomes
    })
  } catch (error) {
    const fault = complaintOf(error)
    if (fault === undefined) throw error
    if (rows.length === 1) return [{ fault }]
    const half = Math.ceil(rows.length / 2)
    const first = await writeRows(tx, batch, rows.slice(0, half))
    return [...first, ...(await writeRows(tx, batch, rows.slice(half)))]
  }
}

async function writeOne(tx: TenantTx, { plan, writing, actor }: Batch, row: CsvRow): Promise<Outcome> {
  const input = readRow(plan, row)
  return 'fault' in input ? input : writeRow(tx, { actor }, writing, input)
}

/**
 * Writes rows of a dry run where what the batches before them would have left is, and takes all of it back; what these would
 * have left is kept.
 */
async function rehearse(
  tx: TenantTx,
  held: ImportRow,
  { plan, writing: { file }, rows }: Batch,
  writeAll: () => Promise<void>,
): Promise<void> {
  const run = { import: held, file }
  const inputs = rows.flatMap((row) => {
    const input = readRow(plan, row)
    return 'fault' in input ? [] : [input]
  })
  const drafts = await takenBack(tx, async () => {
    await layOutDrafts(tx, run, inputs)
    const before = tx.recorded.length
    await writeAll()
    return readDrafts(tx, run, before)
  })
  await keepDrafts(tx, run, drafts)
}

/** What a part gives, after all that it wrote and recorded was taken back. */
async function takenBack<T>(tx: TenantTx, part: () => Promise<T>): Promise<T> {
  let given: { readonly value: T } | undefined
  try {
    return await tx.attempt(async () => {
      given = { value: await part() }
      throw new TakenBack()
    })
  } catch (error) {
    if (!(error instanceof TakenBack) || given === undefined) throw error
    return given.value
  }
}
