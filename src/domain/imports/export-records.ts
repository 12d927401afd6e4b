import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { readTenant } from '../../log/read-tenant.ts'
import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { type ListQuery, listRecords } from '../records/list-records.ts'
import { csvLine } from './csv-text.ts'
import { loadKnown } from './file-columns.ts'
import type { FileKind } from './file-kind.ts'

export type ExportDeps = LogDeps & { readonly config: Pick<Config, 'LIST_WALK'> }

/** Records that one statement reads. */
const pageRows = 500

type Asked = Omit<ListQuery, 'limit' | 'cursor'>

/** Fails as an export would, reads one record at most and takes nothing out. */
export async function mayExport(
  deps: ExportDeps,
  { kind }: FileKind,
  { actor }: Doer,
  asked: Asked,
): Promise<void> {
  await readPage(deps, kind, actor, { ...asked, limit: 1 })
}

function readPage(deps: ExportDeps, kind: FileKind['kind'], actor: Actor, asked: ListQuery) {
  permit(actor, kind.rights.read)
  return readTenant(deps, actor.tenantId, (query) => listRecords(query, actor, kind, asked, deps.config))
}

/**
 * Records as the text of a CSV file, in pieces of at most 500: those of a list with the same filters, sorted as it is. Each
 * piece is a page of that list, read when the one before it has gone out, so memory stays flat and no transaction stays
 * open; what is changed meanwhile is in it as it was when its page was read. Who takes it is in the trail before the first
 * row. Fails with `forbidden`.
 */
export async function exportRecords(
  deps: ExportDeps,
  { kind, columns: columnsOf }: FileKind,
  by: Doer,
  asked: Asked,
): Promise<AsyncGenerator<string>> {
  const { actor } = by
  const { tenantId } = actor
  const read = (cursor?: string) => readPage(deps, kind, actor, { ...asked, limit: pageRows, cursor })
  const first = await read()
  await inTenant(
    deps,
    tenantId,
    async (tx) =>
      recordAudit(tx, {
        by,
        action: `${kind.noun}.export`,
        entity: kind.noun,
        entityId: '*',
        after: asked,
      }),
    presentActor(actor),
  )
  const known = await readTenant(deps, tenantId, (query) => loadKnown(query, tenantId, kind.noun))
  const columns = columnsOf(known).flatMap(({ name, show }) => (show === undefined ? [] : [{ name, show }]))
  return (async function* () {
    // Spreadsheets know UTF-8 by its byte order mark alone.
    yield `\uFEFF${csvLine(columns.map(({ name }) => name))}`
    for (let page = first; ; page = await read(page.nextCursor)) {
      yield page.data.map((view) => csvLine(columns.map(({ show }) => show(view)))).join('')
      if (page.nextCursor === null) return
    }
  })()
}
