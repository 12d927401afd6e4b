import { permitPower } from '../../auth/power.ts'
import { requireStanding } from '../../auth/standing.ts'
import type { KeyDetail } from '../../contract/access.ts'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { isUuid } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { keyColumns, presentKey } from './key-row.ts'

const named = 'tenant_id = $1 and (id = $2::uuid or prefix = $3)'
const namesOf = (tx: TenantTx, idOrPrefix: string) => [
  tx.tenantId,
  isUuid(idOrPrefix) ? idOrPrefix : null,
  idOrPrefix,
]

/**
 * Ends a key for good, found by its id or its prefix. Requests are refused and its sockets end as soon as the log was heard
 * (ACC8, GW11). `changed` is false when it was revoked already. A key may always end itself. Fails with `not_found`,
 * `forbidden` for a key that may do more than the one that ends it, with `conflict` when several keys begin so, or as
 * standing.ts has it. Locks: the user who does it, or the key that does it and the key's row, by id.
 */
export async function revokeKey(
  tx: TenantTx,
  by: Doer,
  idOrPrefix: string,
): Promise<{ view: KeyDetail; changed: boolean }> {
  if (by.actor.kind === 'key') await lockBoth(tx, by.actor.id, idOrPrefix)
  await requireStanding(tx, by.actor)
  const found = await tx.query<KeyDetail>(
    `select ${keyColumns} from api_keys where ${named} for update`,
    namesOf(tx, idOrPrefix),
  )
  const [before, another] = found
  if (!before) throw new Failure('not_found', { key: idOrPrefix })
  if (another) throw new Failure('conflict', { keys: found.map((one) => one.id) })
  if (by.actor.kind !== 'key' || by.actor.id !== before.id) permitPower(by.actor, before.role, before.scopes)
  if (before.revokedAt !== null) return { view: before, changed: false }
  const [view] = await tx.query<KeyDetail>(
    `update api_keys set revoked_at = $3 where tenant_id = $1 and id = $2 returning ${keyColumns}`,
    [tx.tenantId, before.id, tx.now],
  )
  if (!view) throw new Failure('not_found', { key: idOrPrefix })
  const [was, key] = [presentKey(before), presentKey(view)]
  tx.record('key.revoked', { key }, { kind: 'admins' })
  recordAudit(tx, { by, action: 'key.revoke', entity: 'key', entityId: key.id, before: was, after: key })
  return { view, changed: true }
}

/** Two keys may end each other at once. */
async function lockBoth(tx: TenantTx, own: string, idOrPrefix: string): Promise<void> {
  await tx.query(
    `select 1 from api_keys where ${named} or (tenant_id = $1 and id = $4) order by id for update`,
    [...namesOf(tx, idOrPrefix), own],
  )
}
