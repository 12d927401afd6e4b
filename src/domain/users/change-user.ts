import { presentUser, type UserRow } from '../../auth/authenticate.ts'
import { Failure } from '../../contract/errors.ts'
import type { Role, UserView } from '../../contract/records.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'

const columns = 'id, email, name, role, status, platform_user_id, version'

/**
 * Disables a user or lets them back in, or gives them another role; open sockets hear of it and end or change at once
 * (GW11). A token that names another role changes the role again when it is used. `changed` is false when it was so
 * already; then nothing is written. Fails with `not_found`. Locks: the user's row.
 */
export async function changeUser(
  tx: TenantTx,
  by: Doer,
  id: string,
  change: { readonly status?: UserView['status']; readonly role?: Role },
): Promise<{ user: UserView; changed: boolean }> {
  const [before] = await tx.query<UserRow>(
    `select ${columns} from users where tenant_id = $1 and id = $2 for update`,
    [tx.tenantId, id],
  )
  if (!before) throw new Failure('not_found')
  const status = change.status ?? before.status
  const role = change.role ?? before.role
  if (status === before.status && role === before.role) return { user: presentUser(before), changed: false }
  const [row] = await tx.query<UserRow>(
    `update users set status = $3, role = $4, version = version + 1, updated_at = $5
     where tenant_id = $1 and id = $2 returning ${columns}`,
    [tx.tenantId, id, status, role, tx.now],
  )
  if (!row) throw new Failure('not_found')
  const user = presentUser(row)
  const verb = status === before.status ? 'update' : status === 'disabled' ? 'disable' : 'enable'
  recordAudit(tx, {
    by,
    action: `user.${verb}`,
    entity: 'user',
    entityId: id,
    before: presentUser(before),
    after: user,
  })
  if (verb === 'disable') tx.record('user.disabled', { user }, { kind: 'tenant' })
  else {
    const formerRole = role === before.role ? {} : { formerRole: before.role }
    tx.record('user.updated', { user, ...formerRole }, { kind: 'tenant' })
  }
  return { user, changed: true }
}
