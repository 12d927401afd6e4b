import { permitPower } from '../../auth/power.ts'
import type { Role } from '../../contract/records.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'

/**
 * Fails with `forbidden` when one of these users may do more than whoever changes what they belong to. For keys: people who
 * manage users may manage all of them. Ids that are nobody's count for nothing.
 */
export async function permitOverUsers(tx: TenantTx, { actor }: Doer, ids: readonly string[]): Promise<void> {
  if (actor.kind !== 'key' || ids.length === 0) return
  const roles = await tx.query<{ role: Role }>(
    'select distinct role from users where tenant_id = $1 and id = any($2::uuid[])',
    [tx.tenantId, ids],
  )
  for (const { role } of roles) permitPower(actor, role)
}
