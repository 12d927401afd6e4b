import { Failure } from '../../contract/errors.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { isUniqueViolation } from '../../platform/db.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { endSessions } from './end-sessions.ts'

/**
 * Gives a user a password (its hash), which takes the place of any other, and ends their sign-ins, `keep` aside.
 * Fails with `conflict` when somebody else has the address. Locks: the password's row, the sessions.
 */
export async function setPassword(
  tx: TenantTx,
  by: Doer,
  account: { readonly userId: string; readonly email: string; readonly hash: string },
  keep: string | null = null,
): Promise<void> {
  const email = account.email.toLowerCase()
  try {
    await tx.query(
      `insert into user_passwords (tenant_id, user_id, email, hash, changed_at) values ($1, $2, $3, $4, $5)
       on conflict (tenant_id, user_id) do update set email = excluded.email, hash = excluded.hash, changed_at = excluded.changed_at`,
      [tx.tenantId, account.userId, email, account.hash, tx.now],
    )
  } catch (error) {
    if (isUniqueViolation(error, 'user_passwords_one_per_email'))
      throw new Failure('conflict', { member: 'email' }, { cause: error })
    throw error
  }
  recordAudit(tx, {
    by,
    action: 'password.set',
    entity: 'user',
    entityId: account.userId,
    after: { email },
  })
  await endSessions(tx, by, account.userId, { except: keep })
}

/** Whoever gets another e-mail address signs in with that one. Fails with `conflict` when it is somebody else's. */
export async function moveSignIn(tx: TenantTx, userId: string, email: string): Promise<void> {
  try {
    await tx.query(
      `update user_passwords set email = lower($3) where tenant_id = $1 and user_id = $2 and email <> lower($3)`,
      [tx.tenantId, userId, email],
    )
  } catch (error) {
    if (isUniqueViolation(error, 'user_passwords_one_per_email'))
      throw new Failure('conflict', { member: 'email' }, { cause: error })
    throw error
  }
}
