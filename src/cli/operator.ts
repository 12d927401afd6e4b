import { hostname, userInfo } from 'node:os'
import { presentActor } from '../auth/actor.ts'
import type { Doer } from '../domain/audit/record-audit.ts'
import { findTenant, type TenantView } from '../domain/tenants/find-tenant.ts'
import { inTenant, type TenantTx } from '../log/tenant-tx.ts'
import { Refusal } from './failure.ts'
import type { Installation } from './installation.ts'

/** Who sits at the command line, as the audit trail and events show it. */
export function operatorName(): string {
  return `operator ${userInfo().username}@${hostname()}`
}

/** The tenant that an option or operand names. Fails with a Refusal when there is none. */
export async function tenantOf(installation: Installation, slugOrId: string): Promise<TenantView> {
  const tenant = await findTenant(installation, slugOrId)
  if (tenant) return tenant
  throw new Refusal(`there is no tenant ${slugOrId}; switchboard tenant list shows them`)
}

/** A change in a tenant as its operator: `by` is for the audit trail, which every change writes. */
export function asOperator<T>(
  installation: Installation,
  tenantId: string,
  work: (tx: TenantTx, by: Doer) => Promise<T>,
): Promise<T> {
  const actor = { kind: 'system', tenantId, name: operatorName() } as const
  return inTenant(installation, tenantId, (tx) => work(tx, { actor }), presentActor(actor))
}
