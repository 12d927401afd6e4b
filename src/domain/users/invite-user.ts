import { permitPower } from '../../auth/power.ts'
import { invitedIssuer, presentUser, type UserRow } from '../../auth/signed-users.ts'
import { requireStanding } from '../../auth/standing.ts'
import { Failure } from '../../contract/errors.ts'
import type { UserDetail } from '../../contract/access.ts'
import type { NewUser } from '../../contract/rest/access.ts'
import { readersOfUsers } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { isUniqueViolation } from '../../platform/db.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import type { AddressConfig } from '../channels/present-channel.ts'
import { joinChannel } from '../channels/set-members.ts'
import { addMembers } from '../teams/update-team.ts'
import { type LimitConfig, requireRoom } from '../tenants/tenant-limits.ts'
import { userDetailOf } from './user-detail.ts'

export type InviteDeps = { readonly config: LimitConfig & AddressConfig }

/**
 * Adds somebody before they have come: with their first token that names this e-mail address, or with a password, they are
 * this user, in the teams and on the numbers that they were given here. Fails with `forbidden` for a role that may do more
 * than whoever invites, `conflict` (`details.userId`) when the tenant knows the address already, `limit_reached`, or
 * `validation_failed` for a team or a number that there is not, and as standing.ts has it. Locks: the tenant, whoever
 * invites, the teams, then the numbers, by id.
 */
export async function inviteUser(
  tx: TenantTx,
  deps: InviteDeps,
  by: Doer,
  input: NewUser,
): Promise<UserDetail> {
  permitPower(by.actor, input.role)
  await requireRoom(tx, deps.config, 'users')
  await requireStanding(tx, by.actor)
  const [known] = await tx.query<{ id: string }>(
    'select id from users where tenant_id = $1 and lower(email) = lower($2) limit 1',
    [tx.tenantId, input.email],
  )
  if (known) throw new Failure('conflict', { member: 'email', userId: known.id })
  const id = uuidv7(tx.now.getTime())
  const row = await insertInvited(tx, id, input)
  tx.record('user.joined', { user: presentUser(row) }, readersOfUsers)
  recordAudit(tx, { by, action: 'user.invite', entity: 'user', entityId: id, after: presentUser(row) })
  for (const teamId of [...new Set(input.teamIds)].sort()) await addMembers(tx, by, teamId, [id])
  for (const channelId of [...new Set(input.channelIds)].sort())
    await joinChannel(tx, deps, by, channelId, id)
  return userDetailOf(tx.query.bind(tx), id)
}

async function insertInvited(tx: TenantTx, id: string, { email, name, role }: NewUser): Promise<UserRow> {
  try {
    const [row] = await tx.query<UserRow>(
      `insert into users (tenant_id, id, issuer, subject, email, name, role) values ($1, $2::uuid, $3, $2::text, $4, $5, $6)
       returning id, email, name, role, status, platform_user_id, version`,
      [tx.tenantId, id, invitedIssuer, email, name ?? email, role],
    )
    if (!row) throw new Failure('internal')
    return row
  } catch (error) {
    // Two invitations at once.
    if (isUniqueViolation(error, 'users_invited'))
      throw new Failure('conflict', { member: 'email' }, { cause: error })
    throw error
  }
}
