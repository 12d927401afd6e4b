import type { TenantTx } from '../../log/tenant-tx.ts'
import type { FileKind } from './file-kind.ts'
import type { ImportRow } from './import-row.ts'
import type { RowInput } from './read-row.ts'

/** A dry run, and what it writes as if for good. */
export interface DryRun {
  readonly import: Pick<ImportRow, 'id' | 'upsert_key'>
  readonly file: FileKind
}

/** A record as a dry run would have left it; JSON text, as it went out of the database. */
interface Draft {
  readonly id: number
  readonly image: string
  readonly keys: readonly string[]
}

/**
 * Puts back what earlier batches of a dry run would have left behind, as far as these rows can meet it, directly or through
 * others. What somebody else has really written since may be in its way; then these rows are judged by what is really there.
 */
export async function layOutDrafts(
  tx: TenantTx,
  { import: { id, upsert_key: upsertKey }, file }: DryRun,
  rows: readonly RowInput[],
): Promise<void> {
  const { drafting } = file
  if (drafting.keysOfRecord(upsertKey) === null) return
  const keys = await drafting.keysOfRows(tx, upsertKey, rows)
  const near = await tx.query<{ record_id: number }>(
    `with recursive near (record_id) as (
       select met.record_id from unnest($3::text[]) as wanted(key) cross join lateral (${keyed('wanted.key')}) met
       union
       select met.record_id from near
         cross join lateral (select k.key from import_draft_keys k
           where k.tenant_id = $1 and k.import_id = $2 and k.record_id = near.record_id offset 0) own
         cross join lateral (${keyed('own.key')}) met)
     select record_id from near`,
    [tx.tenantId, id, keys],
    'fresh',
  )
  if (near.length === 0) return
  const ids = near.map(({ record_id: recordId }) => recordId)
  try {
    await tx.attempt(() => putBack(tx, id, file, ids))
  } catch (error) {
    // Class 23: a constraint of the database.
    if (!String((error as { code?: unknown }).code).startsWith('23')) throw error
  }
}

/**
 * Drafts of the import `$2` that have a key. Looked up one by one (`offset 0`): the server knows nothing of tables that were empty a
 * minute ago, believes an import to have a few keys, and would go through all of them.
 */
const keyed = (key: string) => `select k.record_id from import_draft_keys k
  where k.tenant_id = $1 and k.import_id = $2 and k.key = ${key} offset 0`

async function putBack(
  tx: TenantTx,
  importId: string,
  { drafting }: FileKind,
  ids: readonly number[],
): Promise<void> {
  const [own = '', ...others] = Object.keys(drafting.tables)
  if (drafting.makeRoom !== undefined) await tx.query(drafting.makeRoom, [tx.tenantId, ids])
  for (const table of others)
    await tx.query(`delete from ${table} where tenant_id = $1 and ${drafting.tables[table]} = any($2)`, [
      tx.tenantId,
      ids,
    ])
  for (const table of [own, ...others]) {
    const columns = await columnsOf(tx, table)
    const then = columns.map((column) => `${column} = excluded.${column}`).join(', ')
    await tx.query(
      `insert into ${table} (${columns.join(', ')})
       select ${columns.map((column) => `k.${column}`).join(', ')}
       from import_drafts d, jsonb_populate_recordset(null::${table}, d.image->'${table}') k
       where d.tenant_id = $1 and d.import_id = $2 and d.record_id = any($3)
       ${table === own ? `on conflict (tenant_id, id) do update set ${then}` : ''}`,
      [tx.tenantId, importId, ids],
    )
  }
}

/** Columns that can be written; others the database makes itself. */
async function columnsOf(tx: TenantTx, table: string): Promise<string[]> {
  const rows = await tx.query<{ name: string }>(
    `select a.attname as name from pg_attribute a
     where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum`,
    [table],
  )
  return rows.map(({ name }) => name)
}

/** The records that a transaction has changed since its event number `since`, as they are now. */
export async function readDrafts(
  tx: TenantTx,
  { import: { upsert_key: upsertKey }, file: { kind, drafting } }: DryRun,
  since: number,
): Promise<Draft[]> {
  const keys = drafting.keysOfRecord(upsertKey)
  if (keys === null) return []
  const changed = tx.recorded.slice(since).flatMap(({ type, payload }) => {
    const view = type.startsWith(`${kind.noun}.`) ? (JSON.parse(payload)[kind.noun] as { id: number }) : null
    return view ? [view.id] : []
  })
  const [own, ...others] = Object.entries(drafting.tables)
  const images = [
    `'${own?.[0]}', jsonb_build_array(to_jsonb(r) || ${drafting.keptAs ?? `'{}'`})`,
    ...others.map(
      ([table, column]) => `'${table}', coalesce((select jsonb_agg(to_jsonb(o)) from ${table} o
        where o.tenant_id = r.tenant_id and o.${column} = r.id), '[]')`,
    ),
  ]
  return tx.query<Draft>(
    `select r.id, jsonb_build_object(${images.join(', ')})::text as image, ${keys} as keys
     from ${kind.table} r where r.tenant_id = $1 and r.id = any($2)`,
    [tx.tenantId, [...new Set(changed)]],
  )
}

/** Keeps drafts for the batches behind; call it when what they show was taken back. */
export async function keepDrafts(
  tx: TenantTx,
  { import: { id: importId, upsert_key: upsertKey }, file: { kind, drafting } }: DryRun,
  drafts: readonly Draft[],
): Promise<void> {
  if (drafts.length === 0) return
  const ids = drafts.map(({ id }) => id)
  const real = await tx.query<{ id: number; keys: string[] }>(
    `select r.id, ${drafting.keysOfRecord(upsertKey)} as keys from ${kind.table} r where r.tenant_id = $1 and r.id = any($2)`,
    [tx.tenantId, ids],
  )
  const pairs = [...drafts, ...real].flatMap(({ id, keys }) => keys.map((key) => ({ id, key })))
  await tx.query(
    `insert into import_drafts as d (tenant_id, import_id, record_id, image)
     select $1, $2, v.id, v.image::jsonb from json_to_recordset($3) as v(id integer, image text)
     on conflict (tenant_id, import_id, record_id) do update set image = excluded.image`,
    [tx.tenantId, importId, JSON.stringify(drafts.map(({ id, image }) => ({ id, image })))],
  )
  await tx.query(
    'delete from import_draft_keys where tenant_id = $1 and import_id = $2 and record_id = any($3)',
    [tx.tenantId, importId, ids],
    'fresh',
  )
  await tx.query(
    `insert into import_draft_keys (tenant_id, import_id, record_id, key)
     select distinct $1::uuid, $2::uuid, v.id, v.key from json_to_recordset($3) as v(id integer, key text)`,
    [tx.tenantId, importId, JSON.stringify(pairs)],
  )
}

/** Nothing is kept of a dry run that ended. */
export async function dropDrafts(tx: TenantTx, importId: string): Promise<void> {
  await tx.query('delete from import_draft_keys where tenant_id = $1 and import_id = $2', [
    tx.tenantId,
    importId,
  ])
  await tx.query('delete from import_drafts where tenant_id = $1 and import_id = $2', [tx.tenantId, importId])
}
