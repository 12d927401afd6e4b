import { presentUser, type UserRow, userColumns } from '../../auth/signed-users.ts'
import { Failure } from '../../contract/errors.ts'
import type { Role, UserView } from '../../contract/records.ts'
import { readersOfUsers } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { setPassword } from './set-password.ts'

/**
 * Makes a user who signs in with a password (its hash); no token of others ever means them. Fails with `conflict` when
 * somebody has the address already.
 */
export async function createLocalUser(
  tx: TenantTx,
  by: Doer,
  input: {
    readonly issuer: string
    readonly email: string
    readonly name: string
    readonly role: Role
    readonly hash: string
  },
): Promise<UserView> {
  const [known] = await tx.query('select 1 from users where tenant_id = $1 and lower(email) = lower($2)', [
    tx.tenantId,
    input.email,
  ])
  if (known) throw new Failure('conflict', { member: 'email' })
  const id = uuidv7(tx.now.getTime())
  const [row] = await tx.query<UserRow>(
    `insert into users (tenant_id, id, issuer, subject, email, name, role) values ($1, $2::uuid, $3, $2::text, $4, $5, $6)
     returning ${userColumns}`,
    [tx.tenantId, id, input.issuer, input.email.toLowerCase(), input.name, input.role],
  )
  if (!row) throw new Failure('internal')
  const user = presentUser(row)
  recordAudit(tx, { by, action: 'user.create', entity: 'user', entityId: id, after: user })
  tx.record('user.joined', { user }, readersOfUsers)
  await setPassword(tx, by, { userId: id, email: input.email, hash: input.hash })
  return user
}
