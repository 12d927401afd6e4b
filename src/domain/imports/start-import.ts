import { Failure } from '../../contract/errors.ts'
import type { ImportView } from '../../contract/crm/import.ts'
import type { LogDeps, TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { keepObject, reserveObject } from '../media/stray-objects.ts'
import type { ImportDeps } from './create-import.ts'
import { type ImportRow, importColumns, lockImport, presentImport, tellImport } from './import-row.ts'

/**
 * Puts an uploaded file where its signed address cannot change it any more; its new place, which the sweep clears unless the import
 * is started with it, or null when there is nothing to do. Talks to the object store: call it outside of any transaction.
 * Fails with `media_not_ready` when nothing was uploaded, `payload_too_large` above IMPORT_BYTES, and `unavailable`.
 */
export async function secureUpload(
  deps: LogDeps & ImportDeps,
  tenantId: string,
  row: ImportRow,
): Promise<string | null> {
  if (row.state !== 'awaiting_upload' || row.object_key === null) return null
  const { storage, config } = deps
  const key = await reserveObject(deps, tenantId)
  await storage.copy(row.object_key, key).catch((error: unknown) => {
    if (error instanceof Failure && error.code === 'not_found') throw new Failure('media_not_ready')
    throw error
  })
  // Looked at after copying: what the browser still writes does not count.
  const size = (await storage.sizeOf(key)) ?? 0
  if (size <= config.IMPORT_BYTES) return key
  await storage.remove(key)
  throw new Failure(
    'payload_too_large',
    { limitBytes: config.IMPORT_BYTES },
    { message: `a file may have at most ${config.IMPORT_BYTES} bytes` },
  )
}

/**
 * Lets a worker begin with an uploaded file (`key` from secureUpload). Records `import.progressed`. One that was started
 * already stays as it is. Fails with `not_found`, `forbidden`, or `conflict` when it was cancelled.
 */
export async function startImport(
  tx: TenantTx,
  by: Doer,
  id: string,
  key: string | null,
): Promise<ImportView> {
  const before = await lockImport(tx, by.actor, id)
  if (before.state === 'cancelled') throw new Failure('conflict', {}, { message: 'the import was cancelled' })
  if (before.state !== 'awaiting_upload' || key === null) return presentImport(before)
  const [row] = await tx.query<ImportRow>(
    `update imports i set state = 'queued', object_key = $3, told_at = $4 where i.tenant_id = $1 and i.id = $2 returning ${importColumns}`,
    [tx.tenantId, id, key, tx.now],
  )
  if (!row) throw new Failure('not_found')
  await keepObject(tx, key)
  tellImport(tx, 'import.progressed', row)
  recordAudit(tx, { by, action: 'import.start', entity: 'import', entityId: id })
  tx.nudge('run-import', { tenantId: tx.tenantId, importId: id })
  return presentImport(row)
}
