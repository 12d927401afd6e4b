import { permit } from '../../auth/can.ts'
import { presentActor } from '../../auth/actor.ts'
import { inTenant, type LogDeps, readTenant } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { customerKind } from '../customers/customer-kind.ts'
import { type ListQuery, listRecords } from '../records/list-records.ts'
import { csvLine } from './csv-text.ts'
import { customerColumns, loadKnown } from './customer-columns.ts'

/** Customers that one statement reads. */
const pageRows = 500

/**
 * Customers as the text of a CSV file, in pieces of at most 500: those of a list with the same filters, sorted as it is. Each
 * piece is a page of that list, read when the one before it has gone out, so memory stays flat and no transaction stays
 * open; what is changed meanwhile is in it as it was when its page was read. Who takes it is in the trail before the first
 * row. Fails with `forbidden`.
 */
export async function exportCustomers(
  deps: LogDeps,
  by: Doer,
  asked: Omit<ListQuery, 'limit' | 'cursor'>,
): Promise<AsyncGenerator<string>> {
  const { actor } = by
  permit(actor, customerKind.rights.read)
  const { tenantId } = actor
  await inTenant(
    deps,
    tenantId,
    async (tx) =>
      recordAudit(tx, { by, action: 'customer.export', entity: 'customer', entityId: '*', after: asked }),
    presentActor(actor),
  )
  const columns = customerColumns(await readTenant(deps, tenantId, (query) => loadKnown(query, tenantId)))
  const read = (cursor?: string) =>
    readTenant(deps, tenantId, (query) =>
      listRecords(query, actor, customerKind, { ...asked, limit: pageRows, cursor }),
    )
  const first = await read()
  return (async function* () {
    // Spreadsheets know UTF-8 by its byte order mark alone.
    yield `\uFEFF${csvLine(columns.map(({ name }) => name))}`
    for (let page = first; ; page = await read(page.nextCursor)) {
      yield page.data.map((customer) => csvLine(columns.map(({ show }) => show(customer)))).join('')
      if (page.nextCursor === null) return
    }
  })()
}
