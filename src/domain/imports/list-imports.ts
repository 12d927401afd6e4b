import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { can, permit } from '../../auth/can.ts'
import type { ImportView } from '../../contract/crm/import.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import type { Query } from '../records/record-kind.ts'
import { csvLine } from './csv-text.ts'
import { findImport, type ImportRow, importColumns, presentImport } from './import-row.ts'

const cursorShape = z.tuple([z.uuid()])

/** Imports that the actor may see, the newest first. Fails with `forbidden`. */
export async function listImports(
  query: Query,
  actor: Actor,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<ImportView>> {
  permit(actor, 'import.read')
  const [below] = cursor === undefined ? [null] : decodeCursor('imports', cursor, cursorShape)
  const own = actor.kind === 'system' || can(actor, 'import.read', { ownerId: nobody }) ? null : actor.id
  const rows = await query<ImportRow>(
    `select ${importColumns} from imports i
     where i.tenant_id = $1 and ($2::uuid is null or i.id < $2) and ($3::uuid is null or i.owner_id = $3)
     order by i.id desc limit $4`,
    [actor.tenantId, below, own, limit + 1],
  )
  return pageOf(rows, limit, presentImport, (row) => encodeCursor('imports', [row.id]))
}

const nobody = '00000000-0000-0000-0000-000000000000'

/** What was wrong with rows of an import, as CSV: line and reason. At most IMPORT_ERRORS. Fails with `not_found`. */
export async function listRowErrors(query: Query, actor: Actor, id: string): Promise<string> {
  await findImport(query, actor, id)
  const rows = await query<{ line: number; reason: string }>(
    'select line, reason from import_errors where tenant_id = $1 and import_id = $2 order by line',
    [actor.tenantId, id],
  )
  return `\uFEFF${[['line', 'reason'], ...rows.map(({ line, reason }) => [String(line), reason])].map(csvLine).join('')}`
}
