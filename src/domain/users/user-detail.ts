import type { UserDetail } from '../../contract/access.ts'
import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { invitedIssuer } from '../../auth/signed-users.ts'

/** One user of this tenant with what they belong to. Fails with `not_found`. */
export async function userDetailOf(query: TenantTx['query'], id: string): Promise<UserDetail> {
  const [user] = await query<UserDetail>(
    `select u.id, u.email, u.name, u.role, u.status, u.platform_user_id as "platformUserId", u.version, u.issuer = $2 as invited,
       array(select m.team_id from team_members m where m.tenant_id = u.tenant_id and m.user_id = u.id order by 1) as "teamIds",
       array(select m.channel_id from channel_members m where m.tenant_id = u.tenant_id and m.user_id = u.id order by 1) as "channelIds"
     from users u where u.tenant_id = (select current_tenant()) and u.id = $1`,
    [id, invitedIssuer],
  )
  if (!user) throw new Failure('not_found')
  return user
}
