import { Failure } from '../contract/errors.ts'
import type { Role } from '../contract/records.ts'
import type { TenantTx } from '../log/tenant-tx.ts'
import type { Actor } from './actor.ts'

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
  return { teamIds: setOf(row?.team_ids), closedChannelIds: setOf(row?.closed_ids) }
}

/** One for all who have none: a delivery asks each listener's, and a set of their own would be a cache miss each. */
const none: ReadonlySet<string> = new Set()

function setOf(ids: readonly string[] | undefined): ReadonlySet<string> {
  return ids === undefined || ids.length === 0 ? none : new Set(ids)
}

/**
 * The actor with the rights that it has in the snapshot of `query`. What a client builds on must not be older than the event
 * that told it to start anew, whatever a process remembers of who came in. Fails with `user_disabled`.
 */
export async function rightsIn(query: TenantTx['query'], actor: Actor): Promise<Actor> {
  if (actor.kind === 'system') return actor
  const belonging = await belongingOf({ query }, actor.id)
  if (actor.kind === 'key') return { ...actor, ...belonging }
  const [row] = await query<{ role: Role }>(
    `select role from users where tenant_id = (select current_tenant()) and id = $1 and status = 'active'`,
    [actor.id],
  )
  if (!row) throw new Failure('user_disabled')
  return { ...actor, ...row, ...belonging }
}
