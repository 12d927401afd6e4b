import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { isUuid } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { keyColumns, type KeyView } from './key-row.ts'

/**
 * Ends a key for good, found by its id or its prefix. Requests are refused and its sockets end as soon as the log was heard
 * (ACC8, GW11). `changed` is false when it was revoked already. Fails with `not_found`, or with `conflict` when
 * several keys begin so. Locks: the key's row.
 */
export async function revokeKey(
  tx: TenantTx,
  by: Doer,
  idOrPrefix: string,
): Promise<{ view: KeyView; changed: boolean }> {
  const found = await tx.query<KeyView>(
    `select ${keyColumns} from api_keys where tenant_id = $1 and (id = $2::uuid or prefix = $3) for update`,
    [tx.tenantId, isUuid(idOrPrefix) ? idOrPrefix : null, idOrPrefix],
  )
  const [before, another] = found
  if (!before) throw new Failure('not_found', { key: idOrPrefix })
  if (another) throw new Failure('conflict', { keys: found.map((one) => one.id) })
  if (before.revokedAt !== null) return { view: before, changed: false }
  const [view] = await tx.query<KeyView>(
    `update api_keys set revoked_at = $3 where tenant_id = $1 and id = $2 returning ${keyColumns}`,
    [tx.tenantId, before.id, tx.now],
  )
  if (!view) throw new Failure('not_found', { key: idOrPrefix })
  tx.record('key.revoked', { key: view }, { kind: 'admins' })
  recordAudit(tx, { by, action: 'key.revoke', entity: 'key', entityId: view.id, before, after: view })
  return { view, changed: true }
}
