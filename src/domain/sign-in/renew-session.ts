import { type AuthDeps, tenantFacts } from '../../auth/entry.ts'
import { actorOf, type UserRow, userColumns } from '../../auth/signed-users.ts'
import { Failure } from '../../contract/errors.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import { endSessions } from './end-sessions.ts'
import {
  type Asking,
  endOfSession,
  hashRefreshToken,
  makeRefreshToken,
  type OpenSession,
  type SessionConfig,
} from './session.ts'
import { requireLocalSignIn } from './sign-in.ts'

type RenewDeps = AuthDeps & { readonly config: SessionConfig }

interface SessionRow {
  readonly id: string
  readonly user_id: string
  readonly is_current: boolean
  readonly created_at: string
  readonly renewed_at: string
  readonly ended_at: string | null
}

/**
 * The next token of a sign-in, and the refresh token for the one after it. The former one stays good for
 * LOCAL_REFRESH_GRACE_SECONDS, because answers get lost and tabs race; shown later it was stolen from somebody or by
 * somebody, so the sign-in ends.
 * Fails with `unauthorized`, `token_expired` when it is over, `user_disabled` or `tenant_suspended`. Locks: the session.
 */
export async function renewSession(
  deps: RenewDeps,
  refreshToken: string,
  asking: Asking,
): Promise<OpenSession> {
  requireLocalSignIn(deps.config)
  const hash = hashRefreshToken(refreshToken)
  const found = await findSession(deps, hash)
  if (!found) throw new Failure('unauthorized')
  const tenant = await tenantFacts(deps, found.tenant_id)
  const outcome = await inTenant(deps, tenant.id, async (tx) => {
    const session = await lockSession(tx, found.id, hash)
    if (!session || session.ended_at !== null) return new Failure('unauthorized')
    const { created_at: createdAt, renewed_at: renewedAt } = session
    if (endOfSession(deps.config, new Date(createdAt), new Date(renewedAt)) <= tx.now)
      return new Failure('token_expired')
    const [user] = await tx.query<UserRow>(
      `select ${userColumns} from users where tenant_id = $1 and id = $2`,
      [tx.tenantId, session.user_id],
    )
    if (!user) return new Failure('unauthorized')
    const actor = await actorOf(tx, tx.tenantId, user)
    const graceMs = deps.config.LOCAL_REFRESH_GRACE_SECONDS * 1000
    if (!session.is_current && tx.now.getTime() > Date.parse(renewedAt) + graceMs) {
      // Committed, and then told: whoever has the newer one is out as well.
      await endSessions(tx, { actor, ...asking }, user.id, { only: session.id })
      return new Failure('unauthorized')
    }
    if (user.status === 'disabled') return new Failure('user_disabled')
    const next = makeRefreshToken()
    await tx.query(
      `update sign_in_sessions set former_hash = secret_hash, secret_hash = $3, renewed_at = $4
       where tenant_id = $1 and id = $2`,
      [tx.tenantId, session.id, next.hash, tx.now],
    )
    return {
      id: session.id,
      user: actor,
      tenant,
      refreshToken: next.refreshToken,
      createdAt: new Date(createdAt),
      renewedAt: tx.now,
    }
  })
  if (outcome instanceof Failure) throw outcome
  return outcome
}

/** Ends the sign-in that a refresh token belongs to. One that is not known, or over, is as good as signed out. */
export async function signOut(
  deps: LogDeps & Pick<RenewDeps, 'config'>,
  refreshToken: string,
  asking: Asking,
): Promise<void> {
  const hash = hashRefreshToken(refreshToken)
  const found = await findSession(deps, hash)
  if (!found) return
  await inTenant(deps, found.tenant_id, async (tx) => {
    const session = await lockSession(tx, found.id, hash)
    const [user] = await tx.query<UserRow>(
      `select ${userColumns} from users where tenant_id = $1 and id = $2`,
      [tx.tenantId, session?.user_id],
    )
    if (!user) return
    const actor = await actorOf(tx, tx.tenantId, user)
    await endSessions(tx, { actor, ...asking }, user.id, { only: found.id })
  })
}

async function findSession(
  deps: Pick<LogDeps, 'db'>,
  hash: Buffer,
): Promise<{ tenant_id: string; id: string } | undefined> {
  const { rows } = await deps.db.write.query<{ tenant_id: string; id: string }>(
    'select tenant_id, id from sign_in_session_by_hash($1)',
    [hash],
  )
  return rows[0]
}

/** Undefined when the secret was replaced twice since it was found. */
async function lockSession(tx: TenantTx, id: string, hash: Buffer): Promise<SessionRow | undefined> {
  const [session] = await tx.query<SessionRow>(
    `select id, user_id, secret_hash = $3 as is_current, created_at, renewed_at, ended_at from sign_in_sessions
     where tenant_id = $1 and id = $2 and (secret_hash = $3 or former_hash = $3) for update`,
    [tx.tenantId, id, hash],
  )
  return session
}
