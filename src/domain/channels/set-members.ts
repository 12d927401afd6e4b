import { isDeepStrictEqual } from 'node:util'
import { permitPower } from '../../auth/power.ts'
import { requireStanding } from '../../auth/standing.ts'
import type { ChannelMembers } from '../../contract/access.ts'
import { Failure } from '../../contract/errors.ts'
import { type ExpectedVersions, requireVersion } from '../../http/conditional.ts'
import { invalid } from '../../http/faults.ts'
import { readersOfChannels } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { permitOverUsers } from '../users/permit-over-users.ts'
import { requireUsers } from '../users/require-users.ts'
import { type AddressConfig, type ChannelRow, channelColumns, presentChannel } from './present-channel.ts'

type Deps = { readonly config: AddressConfig }
type MembersRow = ChannelMembers & { readonly version: number }

/** Who works on a live channel, with the channel's version. Fails with `not_found`. */
export async function readMembers(query: TenantTx['query'], id: string): Promise<MembersRow> {
  const [row] = await query<MembersRow>(
    `select c.members_only as "membersOnly", c.version, array(select m.user_id from channel_members m
         where m.tenant_id = c.tenant_id and m.channel_id = c.id order by m.user_id) as "memberIds"
     from channels c where c.tenant_id = (select current_tenant()) and c.id = $1 and c.deleted_at is null`,
    [id],
  )
  if (!row) throw new Failure('not_found')
  return row
}

/**
 * Writes who works on a channel; what agents and their keys see of it changes at once (GW11). A change that changes nothing
 * leaves no trace. Fails with `not_found`, `precondition_failed`, `validation_failed` for a user that there is not,
 * `forbidden` when somebody joins or leaves who may do more than the key that says so, or when a key opens or closes the
 * number, to all agents, and may not do all that they may; and as standing.ts has it. Locks: whoever says so, the channel.
 */
export async function setMembers(
  tx: TenantTx,
  deps: Deps,
  by: Doer,
  id: string,
  { membersOnly, memberIds }: ChannelMembers,
  expected: ExpectedVersions = null,
): Promise<MembersRow> {
  await requireStanding(tx, by.actor)
  const query = tx.query.bind(tx)
  await query('select 1 from channels where tenant_id = $1 and id = $2 for no key update', [tx.tenantId, id])
  const before = await readMembers(query, id)
  requireVersion(expected, before)
  const now = { membersOnly, memberIds: [...new Set(memberIds)].sort() }
  const was = { membersOnly: before.membersOnly, memberIds: before.memberIds }
  if (isDeepStrictEqual(now, was)) return before
  const joined = now.memberIds.filter((user) => !was.memberIds.includes(user))
  const left = was.memberIds.filter((user) => !now.memberIds.includes(user))
  await requireUsers(tx, joined, '/memberIds')
  await permitOverUsers(tx, by, [...joined, ...left])
  if (now.membersOnly !== was.membersOnly) permitPower(by.actor, 'agent')
  await query(
    'delete from channel_members where tenant_id = $1 and channel_id = $2 and user_id <> all($3::uuid[])',
    [tx.tenantId, id, now.memberIds],
  )
  await query(
    `insert into channel_members (tenant_id, channel_id, user_id) select $1, $2, unnest($3::uuid[])
     on conflict do nothing`,
    [tx.tenantId, id, now.memberIds],
  )
  const [channel] = await query<ChannelRow>(
    `update channels set members_only = $3, version = version + 1, updated_at = $4 where tenant_id = $1 and id = $2
     returning ${channelColumns}`,
    [tx.tenantId, id, membersOnly, tx.now],
  )
  if (!channel) throw new Failure('not_found')
  tx.record(
    'channel.updated',
    { channel: presentChannel(channel, deps.config), members: { now, before: was } },
    readersOfChannels,
  )
  recordAudit(tx, {
    by,
    action: 'channel.set-members',
    entity: 'channel',
    entityId: id,
    before: was,
    after: now,
  })
  return readMembers(query, id)
}

/** Makes one more user a member. Fails with `validation_failed` when there is no such channel. Locks: the channel. */
export async function joinChannel(
  tx: TenantTx,
  deps: Deps,
  by: Doer,
  id: string,
  userId: string,
): Promise<void> {
  const query = tx.query.bind(tx)
  await query('select 1 from channels where tenant_id = $1 and id = $2 for no key update', [tx.tenantId, id])
  const { membersOnly, memberIds } = await readMembers(query, id).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'not_found') throw error
    throw invalid([{ in: 'body', pointer: '/channelIds', message: 'there is no such channel' }])
  })
  await setMembers(tx, deps, by, id, { membersOnly, memberIds: [...memberIds, userId] })
}
