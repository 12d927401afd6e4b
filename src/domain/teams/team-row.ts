import type { TeamView } from '../../contract/access.ts'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

type Query = TenantTx['query']

const columns = `t.id, t.name, array(select m.user_id from team_members m where m.tenant_id = t.tenant_id and m.team_id = t.id
    order by m.user_id) as "memberIds", t.created_at as "createdAt", t.updated_at as "updatedAt", t.version`

/** Teams of this tenant by name, then id, after the given pair, at most `limit`. */
export function listTeams(
  query: Query,
  after: readonly [name: string, id: string] | null,
  limit: number,
): Promise<TeamView[]> {
  return query<TeamView>(
    `select ${columns} from teams t where t.tenant_id = (select current_tenant())
       and ($1::text is null or (t.name, t.id) > ($1, $2::uuid)) order by t.name, t.id limit $3`,
    [after?.[0] ?? null, after?.[1] ?? null, limit],
  )
}

/** All teams of a tenant, for a snapshot. */
export function allTeams(query: Query, tenantId: string): Promise<TeamView[]> {
  return query<TeamView>(`select ${columns} from teams t where t.tenant_id = $1 order by t.id`, [tenantId])
}

/** One team. Fails with `not_found`. */
export async function getTeam(query: Query, id: string): Promise<TeamView> {
  const [team] = await query<TeamView>(
    `select ${columns} from teams t where t.tenant_id = (select current_tenant()) and t.id = $1`,
    [id],
  )
  if (!team) throw new Failure('not_found')
  return team
}

/** One team as it is, locked until commit. Fails with `not_found`. */
export async function lockTeam(tx: TenantTx, id: string): Promise<TeamView> {
  await tx.query('select 1 from teams where tenant_id = $1 and id = $2 for update', [tx.tenantId, id])
  return getTeam(tx.query.bind(tx), id)
}
