import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'

/**
 * Renews the leases of attempts that are under way. A process that lives keeps them however long an upload takes; one
 * that died or sleeps does not, and finds its outcomes refused when it wakes (OUT6).
 */
export function renewLeases(
  deps: LogDeps & { readonly config: Pick<Config, 'SEND_LEASE_MS'> },
  tenantId: string,
  claimToken: string,
  attemptIds: readonly string[],
): Promise<unknown> {
  return inTenant(deps, tenantId, (tx) =>
    tx.query(
      `update send_attempts set lease_until = clock_timestamp() + make_interval(secs => $4 / 1000.0)
       where tenant_id = $1 and id = any($2) and claim_token = $3 and state = 'started' and lease_until > clock_timestamp()`,
      [tenantId, attemptIds, claimToken, deps.config.SEND_LEASE_MS],
    ),
  )
}
