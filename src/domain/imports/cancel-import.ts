import type { ImportView } from '../../contract/crm/import.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { dropDrafts } from './draft-records.ts'
import { type ImportRow, importColumns, lockImport, presentImport, tellImport } from './import-row.ts'

/**
 * Ends an import where it is; what it has written stays. Records `import.finished`. One that ended already stays as it is.
 * Fails with `not_found` or `forbidden`.
 */
export async function cancelImport(tx: TenantTx, by: Doer, id: string): Promise<ImportView> {
  const before = await lockImport(tx, by.actor, id)
  if (before.finished_at !== null) return presentImport(before)
  const [row = before] = await tx.query<ImportRow>(
    `update imports i set state = 'cancelled', finished_at = $3, claim_token = null, lease_until = null
     where i.tenant_id = $1 and i.id = $2 returning ${importColumns}`,
    [tx.tenantId, id, tx.now],
  )
  if (row.dry_run) await dropDrafts(tx, id)
  tellImport(tx, 'import.finished', row)
  recordAudit(tx, { by, action: 'import.cancel', entity: 'import', entityId: id, after: presentImport(row) })
  return presentImport(row)
}
