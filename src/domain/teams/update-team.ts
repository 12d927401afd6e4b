import { requireStanding } from '../../auth/standing.ts'
import type { TeamView } from '../../contract/access.ts'
import { Failure } from '../../contract/errors.ts'
import type { NewTeam, TeamPatch } from '../../contract/rest/access.ts'
import { type ExpectedVersions, requireVersion } from '../../http/conditional.ts'
import { invalid } from '../../http/faults.ts'
import { readersOfUsers } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { isUniqueViolation } from '../../platform/db.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { type LimitConfig, requireRoom } from '../tenants/tenant-limits.ts'
import { permitOverUsers } from '../users/permit-over-users.ts'
import { requireUsers } from '../users/require-users.ts'
import { getTeam, lockTeam } from './team-row.ts'

/**
 * Makes a team. Fails with `conflict` for a name that there is, `limit_reached`, `validation_failed`, `forbidden` for members who
 * may do more than the key that makes it, and as standing.ts has it. Locks: the tenant, whoever makes it.
 */
export async function createTeam(
  tx: TenantTx,
  config: LimitConfig,
  by: Doer,
  { name, memberIds }: NewTeam,
): Promise<TeamView> {
  await requireRoom(tx, config, 'teams')
  await requireStanding(tx, by.actor)
  const id = uuidv7(tx.now.getTime())
  await named(() =>
    tx.query('insert into teams (tenant_id, id, name, created_at, updated_at) values ($1, $2, $3, $4, $4)', [
      tx.tenantId,
      id,
      name,
      tx.now,
    ]),
  )
  const joined = [...new Set(memberIds)]
  await writeMembers(tx, by, id, { joined, left: [] })
  const team = await getTeam(tx.query.bind(tx), id)
  tx.record('team.created', { team, joined, left: [] }, readersOfUsers)
  recordAudit(tx, { by, action: 'team.create', entity: 'team', entityId: id, after: team })
  return team
}

/**
 * Gives a team another name or other members; what they see changes at once (GW11). A change that changes nothing leaves no
 * trace. Fails with `not_found`, `precondition_failed`, `conflict`, `validation_failed`, `forbidden` when somebody joins or
 * leaves who may do more than the key that says so, and as standing.ts has it. Locks: whoever changes it, the team.
 */
export async function updateTeam(
  tx: TenantTx,
  by: Doer,
  id: string,
  patch: TeamPatch,
  expected: ExpectedVersions = null,
): Promise<TeamView> {
  await requireStanding(tx, by.actor)
  const before = await lockTeam(tx, id)
  requireVersion(expected, before)
  return write(tx, by, before, patch)
}

/** Adds members to a team, for an invitation, which asked for standing. Fails with `validation_failed` when the team or one of them is not there. Locks: the team. */
export async function addMembers(
  tx: TenantTx,
  by: Doer,
  id: string,
  userIds: readonly string[],
): Promise<TeamView> {
  const before = await lockTeam(tx, id).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'not_found') throw error
    throw invalid([{ in: 'body', pointer: '/teamIds', message: 'there is no such team' }])
  })
  return write(tx, by, before, { memberIds: [...before.memberIds, ...userIds] })
}

async function write(tx: TenantTx, by: Doer, before: TeamView, patch: TeamPatch): Promise<TeamView> {
  const { id } = before
  const wanted = new Set(patch.memberIds ?? before.memberIds)
  const joined = [...wanted].filter((user) => !before.memberIds.includes(user))
  const left = before.memberIds.filter((user) => !wanted.has(user))
  const name = patch.name ?? before.name
  if (name === before.name && joined.length === 0 && left.length === 0) return before
  await named(() =>
    tx.query(
      'update teams set name = $3, version = version + 1, updated_at = $4 where tenant_id = $1 and id = $2',
      [tx.tenantId, id, name, tx.now],
    ),
  )
  await writeMembers(tx, by, id, { joined, left })
  const team = await getTeam(tx.query.bind(tx), id)
  tx.record('team.updated', { team, joined, left }, readersOfUsers)
  recordAudit(tx, { by, action: 'team.update', entity: 'team', entityId: id, before, after: team })
  return team
}

async function writeMembers(
  tx: TenantTx,
  by: Doer,
  id: string,
  { joined, left }: { readonly joined: readonly string[]; readonly left: readonly string[] },
): Promise<void> {
  await requireUsers(tx, joined, '/memberIds')
  await permitOverUsers(tx, by, [...joined, ...left])
  await tx.query(
    'delete from team_members where tenant_id = $1 and team_id = $2 and user_id = any($3::uuid[])',
    [tx.tenantId, id, left],
  )
  await tx.query('insert into team_members (tenant_id, team_id, user_id) select $1, $2, unnest($3::uuid[])', [
    tx.tenantId,
    id,
    joined,
  ])
}

async function named(write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (isUniqueViolation(error)) throw new Failure('conflict', { member: 'name' }, { cause: error })
    throw error
  }
}
