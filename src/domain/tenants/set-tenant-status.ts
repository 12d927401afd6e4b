import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import type { TenantView } from './find-tenant.ts'
import { presentTenant, readTenantRow } from './tenant-settings.ts'

/**
 * Suspends a tenant, or lets it back in. Nobody of a suspended tenant comes in, open sockets end within seconds, and what
 * networks post for it is kept unprocessed. `changed` is false when it was so already; then nothing is written.
 */
export async function setTenantStatus(
  tx: TenantTx,
  by: Doer,
  status: TenantView['status'],
): Promise<{ tenant: TenantView; changed: boolean }> {
  const [before] = await tx.query<TenantView>(
    'select id, slug, name, status from tenants where id = $1 for update',
    [tx.tenantId],
  )
  if (!before) throw new Failure('not_found')
  if (before.status === status) return { tenant: before, changed: false }
  await tx.query('update tenants set status = $2, version = version + 1, updated_at = $3 where id = $1', [
    tx.tenantId,
    status,
    tx.now,
  ])
  const tenant = { ...before, status }
  recordAudit(tx, {
    by,
    action: status === 'suspended' ? 'tenant.suspend' : 'tenant.resume',
    entity: 'tenant',
    entityId: tenant.id,
    before,
    after: tenant,
  })
  const row = await readTenantRow(tx.query.bind(tx))
  tx.record('tenant.updated', { tenant: presentTenant(row) }, { kind: 'tenant' })
  return { tenant, changed: true }
}
