import { Failure } from '../contract/errors.ts'
import type { Role, UserView } from '../contract/records.ts'
import { inTenant, type LogDeps, type TenantTx } from '../log/tenant-tx.ts'
import type { Config } from '../platform/config.ts'
import { uuidv7 } from '../platform/uuid.ts'
import type { Actor, KeyActor, UserActor } from './actor.ts'
import { hashApiKey, isApiKey } from './api-keys.ts'
import { belongingOf } from './rights.ts'
import { type TokenClaims, type TokenConfig, verifyToken } from './tokens.ts'

export interface TenantFacts {
  readonly id: string
  readonly slug: string
  readonly name: string
}

/** Somebody whom we let in, and until when. */
export interface Entry {
  readonly actor: UserActor | KeyActor
  readonly tenant: TenantFacts
  readonly expiresAt: Date
}

export type AuthDeps = LogDeps & { readonly config: TokenConfig & Pick<Config, 'JWT_TENANT'> }

/** Keys never end by themselves; this stands for "far away" where an end is wanted. */
const noEnd = new Date(8.64e15)

/**
 * Who is this? A token (`eyJ…`) or an API key (`sb_…`). Users of a good token are created on first sight; name, e-mail
 * and role of a later token take effect.
 * Fails with `unauthorized`, `token_expired`, `user_disabled` or `tenant_suspended`.
 */
export function authenticate(deps: AuthDeps, credential: string): Promise<Entry> {
  return isApiKey(credential)
    ? enterWithKey(deps, credential)
    : enterWithToken(deps, verifyToken(credential, deps.config, deps.clock))
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

async function tenantFacts(deps: Pick<LogDeps, 'db'>, slugOrId: string): Promise<TenantFacts> {
  const { rows } = await deps.db.write.query<TenantFacts & { status: string }>(
    'select id, slug, name, status from find_tenant($1)',
    [slugOrId],
  )
  const [row] = rows
  if (!row) throw new Failure('unauthorized')
  if (row.status !== 'active') throw new Failure('tenant_suspended')
  return { id: row.id, slug: row.slug, name: row.name }
}

async function enterWithToken(deps: AuthDeps, claims: TokenClaims): Promise<Entry> {
  const tenant = await tenantFacts(deps, claims.tenant ?? deps.config.JWT_TENANT)
  const actor = await inTenant(deps, tenant.id, (tx) => upsertUser(tx, claims))
  return { actor, tenant, expiresAt: claims.expiresAt }
}

export interface UserRow {
  id: string
  email: string | null
  name: string
  role: Role
  status: 'active' | 'disabled'
  platform_user_id: number | null
  version: number
}

const columns = 'id, email, name, role, status, platform_user_id, version'

/**
 * The user of these claims, created when new; safe under parallel first requests, because the unique key (tenant,
 * issuer, subject) decides and not a lookup. Writes only when something changed.
 */
async function upsertUser(tx: TenantTx, claims: TokenClaims): Promise<UserActor> {
  const name = claims.name ?? claims.email ?? claims.subject
  const find = () =>
    tx.query<UserRow>(`select ${columns} from users where tenant_id = $1 and issuer = $2 and subject = $3`, [
      tx.tenantId,
      claims.issuer,
      claims.subject,
    ])
  let [user] = await find()
  if (!user && claims.email !== undefined) user = await adoptInvited(tx, claims, claims.email)
  if (!user) {
    const [made] = await tx.query<UserRow>(
      `insert into users (tenant_id, id, issuer, subject, email, name, role) values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (tenant_id, issuer, subject) do nothing returning ${columns}`,
      [
        tx.tenantId,
        uuidv7(tx.now.getTime()),
        claims.issuer,
        claims.subject,
        claims.email ?? null,
        name,
        claims.role,
      ],
    )
    if (made)
      tx.record(
        'user.joined',
        { user: presentUser(made) },
        { kind: 'tenant' },
        { kind: 'user', id: made.id, name: made.name },
      )
    user = made ?? (await find())[0]
  }
  if (!user) throw new Failure('unauthorized')
  if (user.status === 'disabled') throw new Failure('user_disabled')
  const email = claims.email ?? user.email
  const newName = claims.name ?? user.name
  const { role: formerRole } = user
  if (formerRole !== claims.role || user.email !== email || user.name !== newName) {
    const [changed] = await tx.query<UserRow>(
      `update users set role = $3, email = $4, name = $5, version = version + 1, updated_at = $6
       where tenant_id = $1 and id = $2 returning ${columns}`,
      [tx.tenantId, user.id, claims.role, email, newName, tx.now],
    )
    if (changed) {
      user = changed
      tx.record(
        'user.updated',
        { user: presentUser(user), ...(formerRole !== user.role && { formerRole }) },
        { kind: 'tenant' },
      )
    }
  }
  return {
    kind: 'user',
    tenantId: tx.tenantId,
    id: user.id,
    name: user.name,
    email: user.email,
    role: user.role,
    platformUserId: user.platform_user_id,
    ...(await belongingOf(tx, user.id)),
  }
}

/**
 * Somebody who was invited by this e-mail address comes for the first time: from now on the issuer vouches for them. They
 * keep the teams and channels that they were given before.
 */
async function adoptInvited(
  tx: TenantTx,
  { issuer, subject }: TokenClaims,
  email: string,
): Promise<UserRow | undefined> {
  const [row] = await tx.query<UserRow>(
    `update users set issuer = $3, subject = $4, version = version + 1, updated_at = $5
     where tenant_id = $1 and issuer = '${invitedIssuer}' and lower(email) = lower($2) returning ${columns}`,
    [tx.tenantId, email, issuer, subject, tx.now],
  )
  return row
}

/** Issuer of people who were invited and have not come yet; no token can name it (JWT_ISSUER and SSO_ISSUER decide). */
export const invitedIssuer = 'invited'

export function presentUser(row: UserRow): UserView {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    role: row.role,
    status: row.status,
    platformUserId: row.platform_user_id,
    version: row.version,
  }
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
       where u.tenant_id = $1 and u.id = $2 and u.status = 'active' and t.status = 'active'`,
      [actor.tenantId, actor.id],
    )
    return row ? { ...actor, ...row, ...(await belongingOf(tx, actor.id)) } : null
  })
}
