import { type Actor, presentActor } from '../../auth/actor.ts'
import { Failure } from '../../contract/errors.ts'
import { readTenant } from '../../log/read-tenant.ts'
import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { JobData } from '../../platform/jobs.ts'
import type { Storage } from '../../platform/storage.ts'
import { bringerOf, type Claim, claimImport, finishImport, holdImport, importer } from './claim-import.ts'
import { type CsvRow, readCsv, UnreadableCsv } from './csv-reader.ts'
import { loadKnown } from './file-columns.ts'
import type { FileKind } from './file-kind.ts'
import { fileKinds } from './file-kinds.ts'
import type { ImportRow } from './import-row.ts'
import { mapColumns, UnusableFile } from './map-columns.ts'
import { type ImportLimits, writeBatch } from './write-batch.ts'

export interface RunImportDeps extends LogDeps {
  readonly storage: Storage
  readonly config: ImportLimits &
    Pick<Config, 'IMPORT_ROWS' | 'IMPORT_COLUMNS' | 'IMPORT_CELL' | 'IMPORT_BATCH'>
}

/** Somebody else has the import, or nobody any more. */
class Lost extends Error {}

/** Characters of one batch: a few rows with large cells are as much work as many small ones. */
const batchChars = 1_000_000

/**
 * Runs an import until it ends, is cancelled, or `stop` says that this process goes; then another one goes on behind the last
 * batch. The file is read twice: once whole, so that nothing is written of a file that cannot be read or is too long, and
 * once to be written. Memory is flat: a batch, whatever the file. Does nothing when somebody else has it.
 * Fails with `unavailable` when the database or the object store is away; then it stays due.
 */
export async function runImport(
  deps: RunImportDeps,
  { tenantId, importId }: JobData['run-import'],
  stop: AbortSignal,
): Promise<void> {
  const claim = await claimImport(deps, tenantId, importId)
  if (claim === null) return
  try {
    if (claim.row.rows_total === null) await countRows(deps, tenantId, claim)
    await writeRows(deps, tenantId, claim, stop)
  } catch (error) {
    if (error instanceof Lost) return
    const reason = reasonOf(error)
    if (reason === undefined) throw error
    await inTenant(deps, tenantId, async (tx) => {
      const held = await holdImport(tx, claim, deps.config.IMPORT_LEASE_MS)
      if (held) await finishImport(tx, importer(tenantId), importId, reason)
    })
    await dropFile(deps, claim.row)
  }
}

/** The file of an import that ended. Best effort: what stays behind is swept up later (tidy-imports.ts). */
export async function dropFile(
  { storage }: Pick<RunImportDeps, 'storage'>,
  { object_key: key }: Pick<ImportRow, 'object_key'>,
): Promise<void> {
  if (key !== null) await storage.remove(key).catch(() => {})
}

/** Why a whole import fails, for whoever brought it; undefined when it is not its fault. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof UnreadableCsv || error instanceof UnusableFile) return error.message
  if (!(error instanceof Failure)) return undefined
  if (error.code === 'forbidden') return 'Whoever brought the file may no longer write such records.'
  return error.code === 'not_found' ? 'The file is gone.' : undefined
}

/**
 * The rows of the file. Fails with Lost when it is not ours any more. Reading renews the claim: a large file from a slow store takes longer to be
 * counted, or to be passed by up to where another worker was, than a claim lasts.
 */
async function* readFile(deps: RunImportDeps, tenantId: string, claim: Claim): AsyncGenerator<CsvRow> {
  const { row } = claim
  const { IMPORT_CELL: cellChars, IMPORT_COLUMNS: columns, IMPORT_LEASE_MS: leaseMs } = deps.config
  if (row.object_key === null) throw new Failure('not_found')
  const now = () => deps.clock.now().getTime()
  let renewedAt = now()
  for await (const one of readCsv(await deps.storage.get(row.object_key), { cellChars, columns })) {
    if (now() - renewedAt > leaseMs / 3) {
      renewedAt = now()
      if (!(await inTenant(deps, tenantId, (tx) => holdImport(tx, claim, leaseMs)))) throw new Lost()
    }
    yield one
  }
}

async function countRows(deps: RunImportDeps, tenantId: string, claim: Claim): Promise<void> {
  let rows = -1
  for await (const row of readFile(deps, tenantId, claim)) {
    if (rows === -1 && row.fault !== null) throw new UnusableFile(`The header: ${row.fault}.`)
    rows += 1
    if (rows > deps.config.IMPORT_ROWS)
      throw new UnusableFile(`The file has more than ${deps.config.IMPORT_ROWS} rows.`)
  }
  if (rows === -1) throw new UnusableFile('The file is empty.')
  await inTenant(deps, tenantId, async (tx) => {
    if (await holdImport(tx, claim, deps.config.IMPORT_LEASE_MS))
      await tx.query('update imports set rows_total = $3 where tenant_id = $1 and id = $2', [
        tenantId,
        claim.row.id,
        rows,
      ])
  })
}

async function writeRows(
  deps: RunImportDeps,
  tenantId: string,
  claim: Claim,
  stop: AbortSignal,
): Promise<void> {
  const { config } = deps
  const file = fileKinds[claim.row.entity]
  const known = await readTenant(deps, tenantId, (query) => loadKnown(query, tenantId, file.kind.noun))
  const rows = readFile(deps, tenantId, claim)
  const header = await rows.next()
  if (header.done === true) throw new UnusableFile('The file is empty.')
  const plan = mapColumns(header.value.cells, claim.row, file, file.columns(known))
  const writing = { file, known, upsertKey: claim.row.upsert_key }
  let after = claim.row.rows_done
  let batches = 1
  let batch: CsvRow[] = []
  let chars = 0
  const write = async (isLast: boolean): Promise<boolean> => {
    if (Number.isInteger(Math.log2(batches++))) await tellGrowth(deps, file)
    const actor = await requireBringer(deps, tenantId, claim)
    const rowsNow = batch
    const ours = await inTenant(
      deps,
      tenantId,
      (tx) => writeBatch(tx, config, { claim, actor, plan, writing, rows: rowsNow, after, isLast }),
      presentActor(actor),
    )
    after += rowsNow.length
    batch = []
    chars = 0
    return ours
  }
  let behind = 0
  for await (const row of rows) {
    behind += 1
    if (behind <= claim.row.rows_done) continue
    batch.push(row)
    chars += row.cells.reduce((sum, cell) => sum + cell.length, 0)
    if (batch.length < config.IMPORT_BATCH && chars < batchChars) continue
    if (!(await write(false))) return
    if (stop.aborted) {
      await giveBack(deps, tenantId, claim)
      return
    }
  }
  if (await write(true)) await dropFile(deps, claim.row)
}

/**
 * Lets the server look at the tables of an import that have doubled: what it has not seen it plans for as if it were not there,
 * for up to a minute (migration 000055). Asked as often as a file can double them. Best effort: a look that takes too long stops no import.
 */
async function tellGrowth({ db }: LogDeps, { drafting }: FileKind): Promise<void> {
  const tables = [...Object.keys(drafting.tables), 'import_drafts', 'import_draft_keys']
  await db.write.query('select analyze_grown($1)', [tables]).catch(() => {})
}

async function requireBringer(deps: RunImportDeps, tenantId: string, { row }: Claim): Promise<Actor> {
  const actor = await bringerOf(deps, tenantId, row)
  if (actor === null) throw new Failure('forbidden')
  return actor
}

/** So that another process need not wait for the claim to run out. */
async function giveBack(deps: LogDeps, tenantId: string, { row, token }: Claim): Promise<void> {
  await inTenant(deps, tenantId, async (tx) => {
    await tx.query(
      `update imports set claim_token = null, lease_until = null where tenant_id = $1 and id = $2 and claim_token = $3 and state = 'running'`,
      [tenantId, row.id, token],
    )
    tx.nudge('run-import', { tenantId, importId: row.id })
  })
}
