import { permitPower } from '../../auth/power.ts'
import { invitedIssuer, presentUser, type UserRow, userColumns } from '../../auth/signed-users.ts'
import { requireStanding } from '../../auth/standing.ts'
import { Failure } from '../../contract/errors.ts'
import type { Role, UserView } from '../../contract/records.ts'
import { type ExpectedVersions, requireVersion } from '../../http/conditional.ts'
import { readersOfUsers } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { moveSignIn } from '../sign-in/set-password.ts'

export interface UserChange {
  readonly status?: UserView['status'] | undefined
  readonly role?: Role | undefined
  readonly name?: string | undefined
  readonly email?: string | null | undefined
}

/**
 * Disables a user or lets them back in, or gives them another role, name or address; open sockets hear of it and end or
 * change at once (GW11). A token that is newer and says something else changes it again. `changed` is false when it
 * was so already; then nothing is written.
 * Fails with `not_found`, `precondition_failed`, `forbidden` for a user who may do, or would, more than whoever changes them, `conflict`
 * for an address that somebody else of the tenant has, and `last_admin` when nobody would be left to let people in;
 * only an operator may do that; and as standing.ts has it. Locks: the user's row, whoever changes it, and those of all admins
 * when one may cease to be one, by id.
 */
export async function changeUser(
  tx: TenantTx,
  by: Doer,
  id: string,
  change: UserChange,
  expected: ExpectedVersions = null,
): Promise<{ user: UserView; changed: boolean }> {
  const mayEndAdmin = change.status === 'disabled' || (change.role !== undefined && change.role !== 'admin')
  const locked = await tx.query<UserRow & { counts: boolean }>(
    `select ${userColumns}, role = 'admin' and status = 'active' and (issuer <> '${invitedIssuer}' or exists (
         select from user_passwords p where p.tenant_id = users.tenant_id and p.user_id = users.id)) as counts
     from users where tenant_id = $1 and (id = any($2::uuid[]) or ($3 and role = 'admin' and status = 'active')) order by id for update`,
    [tx.tenantId, by.actor.kind === 'user' ? [id, by.actor.id] : [id], mayEndAdmin],
  )
  await requireStanding(tx, by.actor)
  const before = locked.find((row) => row.id === id)
  if (!before) throw new Failure('not_found')
  permitPower(by.actor, before.role)
  requireVersion(expected, before)
  const after = {
    status: change.status ?? before.status,
    role: change.role ?? before.role,
    name: change.name ?? before.name,
    email: change.email === undefined ? before.email : change.email,
  }
  const names = Object.keys(after) as (keyof typeof after)[]
  if (names.every((name) => after[name] === before[name]))
    return { user: presentUser(before), changed: false }
  if (after.role !== before.role) permitPower(by.actor, after.role)
  const others = locked.filter((row) => row.counts && row.id !== id)
  if (mayEndAdmin && before.counts && others.length === 0 && by.actor.kind !== 'system')
    throw new Failure('last_admin', { userId: id })
  if (after.email !== null && after.email !== before.email) await requireFreeAddress(tx, id, after.email)
  return { user: await write(tx, by, before, after), changed: true }
}

async function requireFreeAddress(tx: TenantTx, id: string, email: string): Promise<void> {
  const [other] = await tx.query<{ id: string }>(
    'select id from users where tenant_id = $1 and lower(email) = lower($2) and id <> $3 limit 1',
    [tx.tenantId, email, id],
  )
  if (other) throw new Failure('conflict', { member: 'email', userId: other.id })
}

async function write(
  tx: TenantTx,
  by: Doer,
  before: UserRow,
  after: Pick<UserRow, 'status' | 'role' | 'name' | 'email'>,
): Promise<UserView> {
  const [row] = await tx.query<UserRow>(
    `update users set status = $3, shut_by_platform = shut_by_platform and status = $3, role = $4, name = $5, email = $6,
       claims_at = greatest(claims_at, $7), version = version + 1, updated_at = $7
     where tenant_id = $1 and id = $2 returning ${userColumns}`,
    [tx.tenantId, before.id, after.status, after.role, after.name, after.email, tx.now],
  )
  if (!row) throw new Failure('not_found')
  if (after.email !== null && after.email !== before.email) await moveSignIn(tx, before.id, after.email)
  const user = presentUser(row)
  const verb = after.status === before.status ? 'update' : after.status === 'disabled' ? 'disable' : 'enable'
  recordAudit(tx, {
    by,
    action: `user.${verb}`,
    entity: 'user',
    entityId: user.id,
    before: presentUser(before),
    after: user,
  })
  if (verb === 'disable') tx.record('user.disabled', { user }, readersOfUsers)
  else {
    const formerRole = after.role === before.role ? {} : { formerRole: before.role }
    tx.record('user.updated', { user, ...formerRole }, readersOfUsers)
  }
  return user
}
