import { Failure } from '../../contract/errors.ts'
import type { Role, UserView } from '../../contract/records.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

type Query = TenantTx['query']

const columns = `id, email, name, role, status, platform_user_id as "platformUserId", version`

export interface UserFilters {
  readonly role?: Role | undefined
  readonly status?: 'active' | 'disabled' | undefined
}

/** Users of this tenant by name, then id, after the given pair, at most `limit`. */
export function listUsers(
  query: Query,
  filters: UserFilters,
  after: readonly [name: string, id: string] | null,
  limit: number,
): Promise<UserView[]> {
  return query<UserView>(
    `select ${columns} from users
     where tenant_id = (select current_tenant())
       and ($1::text is null or role = $1) and ($2::text is null or status = $2)
       and ($3::text is null or (name, id) > ($3, $4::uuid))
     order by name, id limit $5`,
    [filters.role ?? null, filters.status ?? null, after?.[0] ?? null, after?.[1] ?? null, limit],
  )
}

/** Users of a tenant by their ids. */
export function findUsers(query: Query, tenantId: string, ids: readonly unknown[]): Promise<UserView[]> {
  return query<UserView>(
    `select ${columns} from users where tenant_id = $1 and id = any ($2::uuid[]) order by id`,
    [tenantId, ids],
  )
}

/** The user of this tenant whom the platform knows under this id. Fails with `not_found`. */
export async function findByPlatformUser(query: Query, platformUserId: number): Promise<UserView> {
  const [user] = await query<UserView>(
    `select ${columns} from users where tenant_id = (select current_tenant()) and platform_user_id = $1`,
    [platformUserId],
  )
  if (!user) throw new Failure('not_found')
  return user
}
