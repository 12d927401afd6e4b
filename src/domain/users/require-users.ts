import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

/** Fails with `validation_failed` at `pointer` unless all of these are users of this tenant, disabled ones too. Held until commit. */
export async function requireUsers(tx: TenantTx, ids: readonly string[], pointer: string): Promise<void> {
  if (ids.length === 0) return
  const found = await tx.query<{ id: string }>(
    'select id from users where tenant_id = $1 and id = any($2::uuid[]) order by id for key share',
    [tx.tenantId, ids],
  )
  const known = new Set(found.map(({ id }) => id))
  const unknown = ids.filter((id) => !known.has(id))
  if (unknown.length > 0)
    throw invalid(unknown.map((id) => ({ in: 'body', pointer, message: `there is no user ${id}` }) as const))
}
