import { Failure } from '../contract/errors.ts'
import type { LogDeps } from '../log/tenant-tx.ts'
import type { Config } from '../platform/config.ts'
import type { KeyActor, UserActor } from './actor.ts'
import type { TokenConfig } from './tokens.ts'

export interface TenantFacts {
  readonly id: string
  readonly slug: string
  readonly name: string
}

/** Somebody whom we let in, and until when. */
export interface Entry {
  readonly actor: UserActor | KeyActor
  readonly tenant: TenantFacts
  readonly expiresAt: Date
}

/** A business of the platform that has no tenant yet. The platform's own ids. */
export interface NewBusiness {
  readonly businessId: number | null
  /** Who owns it; null when that person has another tenant already. */
  readonly ownerId: number | null
  readonly name: string
}

export type AuthDeps = LogDeps & {
  readonly config: TokenConfig & Pick<Config, 'JWT_TENANT' | 'JWT_ISSUER_TENANTS' | 'EMAIL_ISSUERS'>
  /** Makes the tenant of a business. Does nothing when it is there by now; whoever asked looks again. */
  foundTenant(business: NewBusiness): Promise<void>
}

/** The tenant with this slug or id. Fails with `unauthorized` when there is none, or with `tenant_suspended`. */
export async function tenantFacts(deps: Pick<LogDeps, 'db'>, slugOrId: string): Promise<TenantFacts> {
  const { rows } = await deps.db.write.query<TenantFacts & { status: string }>(
    'select id, slug, name, status from find_tenant($1)',
    [slugOrId],
  )
  const [row] = rows
  if (!row) throw new Failure('unauthorized')
  if (row.status !== 'active') throw new Failure('tenant_suspended')
  return { id: row.id, slug: row.slug, name: row.name }
}
