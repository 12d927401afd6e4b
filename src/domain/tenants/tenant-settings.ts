import type { TenantLimits, TenantSettings } from '../../contract/access.ts'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type LimitConfig, limitsOf } from './tenant-limits.ts'

/** A tenant as the database holds it. `settings` has what is not asked for in statements that must be quick. */
export interface TenantRow {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly status: 'active' | 'suspended'
  readonly timeZone: string
  readonly locale: string
  readonly settings: {
    readonly retention?: { readonly mediaDays?: number | null }
    readonly limits?: Partial<TenantLimits>
  }
  readonly createdAt: string
  readonly updatedAt: string
  readonly version: number
}

const columns = `id, slug, name, status, time_zone as "timeZone", locale, settings, created_at as "createdAt",
  updated_at as "updatedAt", version`

/** The tenant of the transaction; `lock` holds it until commit. Fails with `not_found`. */
export async function readTenantRow(query: TenantTx['query'], lock = false): Promise<TenantRow> {
  const [row] = await query<TenantRow>(
    `select ${columns} from tenants where id = (select current_tenant()) ${lock ? 'for no key update' : ''}`,
  )
  if (!row) throw new Failure('not_found')
  return row
}

export function presentSettings({ settings, ...row }: TenantRow, config: LimitConfig): TenantSettings {
  return {
    ...row,
    retention: { mediaDays: settings.retention?.mediaDays ?? null },
    limits: limitsOf(settings, config),
  }
}

/** What events tell of a tenant. */
export function presentTenant({ id, slug, name, status, timeZone, locale }: TenantRow) {
  return { id, slug, name, status, timeZone, locale }
}
