import { randomBytes } from 'node:crypto'
import { type AuthDeps, tenantFacts } from '../../auth/entry.ts'
import { permitPower } from '../../auth/power.ts'
import { actorOf, invitedIssuer, type UserRow, userColumns } from '../../auth/signed-users.ts'
import { requireStanding } from '../../auth/standing.ts'
import { Failure } from '../../contract/errors.ts'
import { inTenant, type TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { hashPassword } from './password-hash.ts'
import { requireGoodPassword } from './password-rules.ts'
import { type Asking, hashRefreshToken } from './session.ts'
import { setPassword } from './set-password.ts'
import { requireLocalSignIn, type SignInDeps } from './sign-in.ts'

type TokenConfig = Pick<Config, 'LOCAL_ISSUER' | 'LOCAL_SIGN_IN' | 'LOCAL_PASSWORD_TOKEN_HOURS'>

const hourMs = 3_600_000

/**
 * Makes the secret with which a user sets their password, once, within LOCAL_PASSWORD_TOKEN_HOURS; it is kept nowhere, and takes
 * the place of the one before. For people who were invited or have a password: an admin cannot come in as somebody whom
 * the CMS or the platform vouches for. Fails with `not_found`, `local_sign_in_off`, `conflict` for the others, and
 * `forbidden` for a user who may do more than whoever asks, and as standing.ts has it. Locks: the user's row and that of
 * whoever asks, by id.
 */
export async function makePasswordToken(
  tx: TenantTx,
  config: TokenConfig,
  by: Doer,
  userId: string,
): Promise<{ token: string; expiresAt: string }> {
  requireLocalSignIn(config)
  const locked = await tx.query<UserRow & { issuer: string }>(
    `select ${userColumns}, issuer from users where tenant_id = $1 and id = any($2::uuid[]) order by id for update`,
    [tx.tenantId, by.actor.kind === 'user' ? [userId, by.actor.id] : [userId]],
  )
  await requireStanding(tx, by.actor)
  const user = locked.find(({ id }) => id === userId)
  if (!user) throw new Failure('not_found')
  permitPower(by.actor, user.role)
  if (user.email === null || ![invitedIssuer, config.LOCAL_ISSUER].includes(user.issuer))
    throw new Failure('conflict', { member: 'issuer' })
  const token = `sp_${randomBytes(32).toString('base64url')}`
  const expiresAt = new Date(tx.now.getTime() + config.LOCAL_PASSWORD_TOKEN_HOURS * hourMs)
  await tx.query(
    `insert into password_tokens (tenant_id, user_id, hash, expires_at) values ($1, $2, $3, $4)
     on conflict (tenant_id, user_id) do update set hash = excluded.hash, expires_at = excluded.expires_at`,
    [tx.tenantId, userId, hashRefreshToken(token), expiresAt],
  )
  recordAudit(tx, {
    by,
    action: 'password.offer',
    entity: 'user',
    entityId: userId,
    after: { expiresAt: expiresAt.toISOString() },
  })
  return { token, expiresAt: expiresAt.toISOString() }
}

/**
 * Sets the password of whoever was given this secret, and ends it and their sign-ins; from now on it is we who vouch for
 * somebody who was invited. Fails with `unauthorized` for a secret that is not known, used or over, or whose user
 * came with a token of others meanwhile, and `validation_failed`, which leaves it good. Locks: the row of the secret.
 */
export async function redeemPasswordToken(
  deps: SignInDeps & AuthDeps,
  given: { readonly token: string; readonly newPassword: string },
  asking: Asking,
): Promise<void> {
  requireLocalSignIn(deps.config)
  const tokenHash = hashRefreshToken(given.token)
  const { rows } = await deps.db.write.query<{ tenant_id: string; user_id: string }>(
    'select tenant_id, user_id from password_token_by_hash($1)',
    [tokenHash],
  )
  const [found] = rows
  if (!found) throw new Failure('unauthorized')
  const tenant = await tenantFacts(deps, found.tenant_id)
  // Outside of the transaction: it takes a tenth of a second, for which nobody's lock should be held.
  const hash = await hashPassword(deps.config, given.newPassword)
  await inTenant(deps, tenant.id, async (tx) => {
    const [token] = await tx.query(
      'delete from password_tokens where tenant_id = $1 and hash = $2 and expires_at > $3 returning 1',
      [tx.tenantId, tokenHash, tx.now],
    )
    const [user] = await tx.query<UserRow>(
      `select ${userColumns} from users where tenant_id = $1 and id = $2 and status = 'active' and issuer = any($3)`,
      [tx.tenantId, found.user_id, [invitedIssuer, deps.config.LOCAL_ISSUER]],
    )
    if (!token || !user || user.email === null) throw new Failure('unauthorized')
    requireGoodPassword(deps.config, given.newPassword, user.email, '/newPassword')
    const by = { actor: await actorOf(tx, tx.tenantId, user), ...asking }
    await tx.query(
      `update users set issuer = $3 where tenant_id = $1 and id = $2 and issuer = '${invitedIssuer}'`,
      [tx.tenantId, user.id, deps.config.LOCAL_ISSUER],
    )
    await setPassword(tx, by, { userId: user.id, email: user.email, hash })
  })
}
