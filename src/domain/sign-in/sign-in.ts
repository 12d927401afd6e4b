import { type AuthDeps, tenantFacts } from '../../auth/entry.ts'
import { actorOf, type UserRow, userColumns } from '../../auth/signed-users.ts'
import { Failure } from '../../contract/errors.ts'
import { inTenant } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { recordAudit } from '../audit/record-audit.ts'
import { type AttemptDeps, countAttempt } from './attempts.ts'
import { endSessions } from './end-sessions.ts'
import { isPassword } from './password-hash.ts'
import { makeRefreshToken, type OpenSession, type SessionConfig } from './session.ts'

export type SignInDeps = AuthDeps &
  AttemptDeps & {
    readonly config: SessionConfig &
      Pick<Config, 'LOCAL_PASSWORD_LENGTH' | 'LOCAL_HASHES' | 'LOCAL_HASHES_WAITING'>
  }

/** Who asks, as far as the request says. */
export interface Asking {
  readonly ip: string | undefined
  readonly userAgent: string | undefined
  readonly requestId: string
}

const userAgentLength = 300

/**
 * Signs somebody in by e-mail address and password. An address that nobody has, a wrong password and a user who is not
 * active are told alike and take as long. Of more than LOCAL_SESSIONS sign-ins the one that was unused longest ends.
 * Fails with `local_sign_in_off`, `sign_in_failed`, `sign_in_locked`, `tenant_suspended`. Locks: the user's row.
 */
export async function signIn(
  deps: SignInDeps,
  given: { readonly email: string; readonly password: string },
  asking: Asking,
): Promise<OpenSession> {
  requireLocalSignIn(deps.config)
  const email = given.email.trim().toLowerCase()
  const takeBack = await countAttempt(deps, email, asking.ip)
  const { rows } = await deps.db.write.query<{ tenant_id: string; user_id: string; hash: string }>(
    'select tenant_id, user_id, hash from password_by_email($1)',
    [email],
  )
  const [account] = rows
  if (!(await isPassword(deps.config, given.password, account?.hash)) || !account)
    throw new Failure('sign_in_failed')
  const tenant = await tenantFacts(deps, account.tenant_id)
  const session = await inTenant(deps, tenant.id, async (tx) => {
    const [user] = await tx.query<UserRow>(
      `select ${userColumns} from users where tenant_id = $1 and id = $2 and status = 'active' for update`,
      [tx.tenantId, account.user_id],
    )
    if (!user) throw new Failure('sign_in_failed')
    const actor = await actorOf(tx, tx.tenantId, user)
    const by = { actor, ip: asking.ip, requestId: asking.requestId }
    const crowded = await tx.query<{ id: string }>(
      `select id from sign_in_sessions where tenant_id = $1 and user_id = $2 and ended_at is null
       order by renewed_at desc, id desc offset $3`,
      [tx.tenantId, user.id, deps.config.LOCAL_SESSIONS - 1],
    )
    for (const { id } of crowded) await endSessions(tx, by, user.id, { only: id })
    const id = uuidv7(tx.now.getTime())
    const { refreshToken, hash } = makeRefreshToken()
    await tx.query(
      `insert into sign_in_sessions (tenant_id, id, user_id, secret_hash, ip, user_agent, created_at, renewed_at)
       values ($1, $2, $3, $4, $5, $6, $7, $7)`,
      [
        tx.tenantId,
        id,
        user.id,
        hash,
        asking.ip ?? null,
        asking.userAgent?.slice(0, userAgentLength),
        tx.now,
      ],
    )
    recordAudit(tx, {
      by,
      action: 'user.sign_in',
      entity: 'user',
      entityId: user.id,
      after: { sessionId: id, userAgent: asking.userAgent?.slice(0, userAgentLength) ?? null },
    })
    return { id, user: actor, tenant, refreshToken, createdAt: tx.now, renewedAt: tx.now }
  })
  await takeBack()
  return session
}

/** Fails with `local_sign_in_off`. */
export function requireLocalSignIn(config: Pick<Config, 'LOCAL_SIGN_IN'>): void {
  if (config.LOCAL_SIGN_IN === 'off') throw new Failure('local_sign_in_off')
}
