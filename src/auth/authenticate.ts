import { Failure } from '../contract/errors.ts'
import type { Role } from '../contract/records.ts'
import { readTenant } from '../log/read-tenant.ts'
import { inTenant, type LogDeps } from '../log/tenant-tx.ts'
import { defaultTenantOf } from '../platform/config.ts'
import { isUnavailable } from '../platform/db.ts'
import type { Actor } from './actor.ts'
import { hashApiKey, isApiKey } from './api-keys.ts'
import { enterFromPlatform } from './enter-from-platform.ts'
import { type AuthDeps, type Entry, tenantFacts } from './entry.ts'
import type { LocalClaims } from './local-tokens.ts'
import { belongingOf } from './rights.ts'
import { actorOf, type UserRow, userColumns, welcome } from './signed-users.ts'
import { verifyToken } from './tokens.ts'

/** Keys never end by themselves; this stands for "far away" where an end is wanted. */
const noEnd = new Date(8.64e15)

/**
 * Who is this? A token (`eyJ…`) or an API key (`sb_…`). Users of a good token are created on first sight; what a newer token
 * says of them takes effect.
 * Fails with `unauthorized`, `token_expired`, `user_disabled`, `tenant_suspended`, what enter-from-platform.ts names, or
 * `unavailable`.
 */
export async function authenticate(deps: AuthDeps, credential: string): Promise<Entry> {
  try {
    return await (isApiKey(credential) ? enterWithKey(deps, credential) : enterWithToken(deps, credential))
  } catch (error) {
    if (isUnavailable(error) && !(error instanceof Failure))
      throw new Failure('unavailable', {}, { cause: error })
    throw error
  }
}

async function enterWithKey(deps: AuthDeps, key: string): Promise<Entry> {
  const { rows } = await deps.db.write.query<{
    tenant_id: string
    id: string
    name: string
    role: Role
    scopes: string[]
    expires_at: string | null
    revoked_at: string | null
    tenant_status: string
    rate_per_minute: number | null
  }>('select * from api_key_by_hash($1)', [hashApiKey(key)])
  const [row] = rows
  if (!row || row.revoked_at !== null) throw new Failure('unauthorized')
  const expiresAt = row.expires_at === null ? noEnd : new Date(row.expires_at)
  if (expiresAt <= deps.clock.now()) throw new Failure('token_expired')
  if (row.tenant_status !== 'active') throw new Failure('tenant_suspended')
  const tenant = await tenantFacts(deps, row.tenant_id)
  const belonging = await inTenant(deps, row.tenant_id, async (tx) => {
    // Once a minute is often enough to see which keys are in use.
    await tx.query(
      `update api_keys set last_used_at = $2 where tenant_id = $3 and id = $1 and (last_used_at is null or last_used_at < $2::timestamptz - interval '1 minute')`,
      [row.id, tx.now, tx.tenantId],
    )
    return belongingOf(tx, row.id)
  })
  return {
    actor: {
      kind: 'key',
      tenantId: row.tenant_id,
      id: row.id,
      name: row.name,
      role: row.role,
      scopes: row.scopes,
      ratePerMinute: row.rate_per_minute,
      ...belonging,
    },
    tenant,
    expiresAt,
  }
}

async function enterWithToken(deps: AuthDeps, credential: string): Promise<Entry> {
  const token = verifyToken(credential, deps.config, deps.clock)
  if (token.by === 'platform') return enterFromPlatform(deps, token)
  if (token.by === 'us') return enterAsSignedIn(deps, token.claims, token.expiresAt)
  const { issuer, claims, issuedAt, expiresAt } = token
  const tenant = await tenantFacts(deps, claims.tenant ?? defaultTenantOf(deps.config, issuer))
  const { subject, role, email, emailVerified, name } = claims
  const emailIsTheirs = emailVerified && deps.config.EMAIL_ISSUERS.includes(issuer)
  const person = { issuer, subject, platformUserId: null, role, email, emailIsTheirs, name }
  const word = { ...person, otherwise: subject, issuedAt }
  const actor = await inTenant(deps, tenant.id, (tx) => welcome(tx, word))
  if (!actor) throw new Failure('unauthorized')
  return { actor, tenant, expiresAt }
}

/** Somebody who signed in with a password, as long as that sign-in goes on. */
async function enterAsSignedIn(deps: AuthDeps, claims: LocalClaims, expiresAt: Date): Promise<Entry> {
  const tenant = await tenantFacts(deps, claims.tenant_id)
  const actor = await readTenant(deps, tenant.id, async (query) => {
    const [user] = await query<UserRow>(
      `select ${userColumns} from users u where tenant_id = $1 and id = $2 and exists (
         select from sign_in_sessions s
         where s.tenant_id = u.tenant_id and s.user_id = u.id and s.id = $3 and s.ended_at is null)`,
      [tenant.id, claims.sub, claims.sid],
    )
    if (!user) throw new Failure('unauthorized')
    if (user.status === 'disabled') throw new Failure('user_disabled')
    return { ...(await actorOf({ query }, tenant.id, user)), sessionId: claims.sid }
  })
  return { actor, tenant, expiresAt }
}

/** Whether somebody whom we let in may stay, looked up anew: null when not. For open sockets (GW11). */
export async function stillWelcome(deps: LogDeps, actor: Actor): Promise<Actor | null> {
  if (actor.kind === 'system') return actor
  if (actor.kind === 'key') {
    return inTenant(deps, actor.tenantId, async (tx) => {
      const [row] = await tx.query<{ role: Role; scopes: string[]; ratePerMinute: number | null }>(
        `select k.role, k.scopes, k.rate_per_minute as "ratePerMinute" from api_keys k join tenants t on t.id = k.tenant_id
         where k.tenant_id = $1 and k.id = $2 and k.revoked_at is null and (k.expires_at is null or k.expires_at > $3) and t.status = 'active'`,
        [actor.tenantId, actor.id, tx.now],
      )
      return row ? { ...actor, ...row, ...(await belongingOf(tx, actor.id)) } : null
    })
  }
  return inTenant(deps, actor.tenantId, async (tx) => {
    const [row] = await tx.query<{ role: Role; name: string }>(
      `select u.role, u.name from users u join tenants t on t.id = u.tenant_id
       where u.tenant_id = $1 and u.id = $2 and u.status = 'active' and t.status = 'active'
         and ($3::uuid is null or exists (
           select from sign_in_sessions s where s.tenant_id = u.tenant_id and s.id = $3 and s.ended_at is null))`,
      [actor.tenantId, actor.id, actor.sessionId ?? null],
    )
    return row ? { ...actor, ...row, ...(await belongingOf(tx, actor.id)) } : null
  })
}
