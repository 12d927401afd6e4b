import type { TenantLimits } from '../../contract/access.ts'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'

export type LimitConfig = Pick<
  Config,
  'TENANT_USERS' | 'TENANT_TEAMS' | 'TENANT_API_KEYS' | 'TENANT_CHANNELS'
>

/** What counts against each limit. */
const counted: Readonly<Record<keyof TenantLimits, string>> = {
  users: `select count(*)::integer from users where tenant_id = $1 and status = 'active' and id is distinct from $3::uuid`,
  teams: 'select count(*)::integer from teams where tenant_id = $1 and id is distinct from $3::uuid',
  keys: `select count(*)::integer from api_keys where tenant_id = $1 and revoked_at is null
    and (expires_at is null or expires_at > $2) and id is distinct from $3::uuid`,
  channels:
    'select count(*)::integer from channels where tenant_id = $1 and deleted_at is null and id is distinct from $3::uuid',
}

/** What a tenant may have: what its operator wrote into its settings, else what the installation gives to all. */
export function limitsOf(
  settings: { readonly limits?: Partial<TenantLimits> | undefined },
  config: LimitConfig,
): TenantLimits {
  return {
    users: config.TENANT_USERS,
    teams: config.TENANT_TEAMS,
    keys: config.TENANT_API_KEYS,
    channels: config.TENANT_CHANNELS,
    ...settings.limits,
  }
}

/**
 * Fails with `limit_reached` when there is no room for one more of these, `except` aside. Holds the tenant's row until
 * commit, so that two at once do not take the last place both. Locks: the tenant; so it comes first.
 */
export async function requireRoom(
  tx: TenantTx,
  config: LimitConfig,
  name: keyof TenantLimits,
  except: string | null = null,
): Promise<void> {
  const [tenant] = await tx.query<{ settings: { limits?: Partial<TenantLimits> } }>(
    'select settings from tenants where id = $1 for no key update',
    [tx.tenantId],
  )
  const limit = limitsOf(tenant?.settings ?? {}, config)[name]
  const [row] = await tx.query<{ count: number }>(
    `select (${counted[name]}) as count where $2::timestamptz is not null`,
    [tx.tenantId, tx.now, except],
  )
  if ((row?.count ?? 0) >= limit) throw new Failure('limit_reached', { of: name, limit })
}
