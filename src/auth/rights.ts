import type { TenantTx } from '../log/tenant-tx.ts'

/** What of somebody's rights hangs on rows that others write: their teams, and the channels that are closed to them. */
export interface Belonging {
  readonly teamIds: ReadonlySet<string>
  readonly closedChannelIds: ReadonlySet<string>
}

/**
 * The teams of a user and the channels whose members they are not; of a key, which is a member of nothing, all channels
 * that have members only. Removed channels count too: their conversations are still there. One statement.
 */
export async function belongingOf(tx: Pick<TenantTx, 'query'>, id: string): Promise<Belonging> {
  const [row] = await tx.query<{ team_ids: string[]; closed_ids: string[] }>(
    `select array(select m.team_id from team_members m where m.tenant_id = (select current_tenant()) and m.user_id = $1) as team_ids,
       array(select c.id from channels c where c.tenant_id = (select current_tenant()) and c.members_only and not exists (
         select from channel_members m where m.tenant_id = c.tenant_id and m.channel_id = c.id and m.user_id = $1)) as closed_ids`,
    [id],
  )
  return { teamIds: new Set(row?.team_ids), closedChannelIds: new Set(row?.closed_ids) }
}
