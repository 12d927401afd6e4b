import type { LogDeps } from '../../log/tenant-tx.ts'

export interface TenantView {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly status: 'active' | 'suspended'
}

/** The tenant with this slug or id; undefined when there is none. */
export async function findTenant(
  deps: Pick<LogDeps, 'db'>,
  slugOrId: string,
): Promise<TenantView | undefined> {
  const { rows } = await deps.db.read.query<TenantView>(
    'select id, slug, name, status from find_tenant($1)',
    [slugOrId],
  )
  return rows[0]
}

/** Every tenant of the installation, oldest first. For operators: it looks across tenants. */
export async function listTenants(
  deps: Pick<LogDeps, 'db'>,
): Promise<(TenantView & { readonly createdAt: string })[]> {
  const { rows } = await deps.db.read.query<TenantView & { createdAt: string }>(
    'select id, slug, name, status, created_at as "createdAt" from list_tenants()',
  )
  return rows
}

/** As `listTenants`, a page of them behind a tenant. Ids are in the order of their making. */
export async function pageOfTenants(
  deps: Pick<LogDeps, 'db'>,
  { status, after }: { readonly status: TenantView['status'] | undefined; readonly after: string | null },
  limit: number,
): Promise<(TenantView & { readonly createdAt: string })[]> {
  const { rows } = await deps.db.read.query<TenantView & { createdAt: string }>(
    `select id, slug, name, status, created_at as "createdAt" from list_tenants()
     where ($1::text is null or status = $1) and ($2::uuid is null or id > $2) order by id limit $3`,
    [status ?? null, after, limit],
  )
  return rows
}
