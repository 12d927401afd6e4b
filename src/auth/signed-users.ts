import type { Role, UserView } from '../contract/records.ts'
import { Failure } from '../contract/errors.ts'
import { readersOfUsers } from '../log/scope.ts'
import type { TenantTx } from '../log/tenant-tx.ts'
import { uuidv7 } from '../platform/uuid.ts'
import type { UserActor } from './actor.ts'
import { belongingOf } from './rights.ts'

export interface UserRow {
  id: string
  email: string | null
  name: string
  role: Role
  status: 'active' | 'disabled'
  platform_user_id: number | null
  version: number
}

export const userColumns = 'id, email, name, role, status, platform_user_id, version'

/** Issuer of people who were invited and have not come yet; no token can name it (the configuration refuses it). */
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

/** The user as they act, with what they belong to at this moment. */
export async function actorOf(
  tx: Pick<TenantTx, 'query'>,
  tenantId: string,
  user: UserRow,
): Promise<UserActor> {
  return {
    kind: 'user',
    tenantId,
    id: user.id,
    name: user.name,
    email: user.email,
    role: user.role,
    platformUserId: user.platform_user_id,
    ...(await belongingOf(tx, user.id)),
  }
}

/** What an issuer says of somebody who comes with its token. */
export interface Word {
  readonly issuer: string
  readonly subject: string
  /** What the platform calls them; null for people of other issuers. */
  readonly platformUserId: number | null
  readonly role: Role
  readonly email: string | undefined
  /** Whether the issuer's word is enough that the address is theirs: it is one of EMAIL_ISSUERS, and does not say otherwise. */
  readonly emailIsTheirs: boolean
  readonly name: string | undefined
  /** What to call them while nobody said a name. */
  readonly otherwise: string
  /** Undefined: nobody can tell whether it is older than another word, so it counts. */
  readonly issuedAt: Date | undefined
}

interface SignedRow extends UserRow {
  claims_at: string | null
  shut_by_platform: boolean
}
const signedColumns = `${userColumns}, claims_at, shut_by_platform`

/** Whether a word is at least as new as the newest that was heard. Tokens live for a day; an old one takes nothing back. */
export function isNews(issuedAt: Date | undefined, heardAt: string | null): boolean {
  return issuedAt === undefined || heardAt === null || issuedAt >= new Date(heardAt)
}

/**
 * The user of a token, made when new; what a newer token says of them takes effect. Safe under parallel first requests,
 * because unique keys decide and not a look-up. Writes only when something is new.
 * Undefined when the platform's person is in another tenant at this moment. Fails with `user_disabled`.
 */
export async function welcome(tx: TenantTx, word: Word): Promise<UserActor | undefined> {
  let user = (await find(tx, word)) ?? (await adoptInvited(tx, word)) ?? (await make(tx, word))
  user ??= await find(tx, word)
  if (!user) return undefined
  const isNew = isNews(word.issuedAt, user.claims_at)
  // Only the platform takes back what the platform did.
  if (user.status === 'disabled' && !(isNew && user.shut_by_platform)) throw new Failure('user_disabled')
  return actorOf(tx, tx.tenantId, isNew ? await heed(tx, user, word) : user)
}

async function find(tx: TenantTx, { issuer, subject, platformUserId }: Word): Promise<SignedRow | undefined> {
  const [row] = await tx.query<SignedRow>(
    `select ${signedColumns} from users
     where tenant_id = $1 and ((issuer = $2 and subject = $3) or platform_user_id = $4)
     order by platform_user_id = $4 desc nulls last limit 1`,
    [tx.tenantId, issuer, subject, platformUserId],
  )
  return row
}

/**
 * Somebody who was invited by this e-mail address comes for the first time: from now on the issuer vouches for them, if it
 * is one that vouches for addresses; for any other they are a stranger, and the invitation waits on. They
 * keep the teams and channels that they were given before. What they may do is for that issuer to say, also with a token that
 * is older than the last change of the invitation: an address in a token is no proof that the role was meant for its bearer.
 */
async function adoptInvited(tx: TenantTx, word: Word): Promise<SignedRow | undefined> {
  const { issuer, subject, email, emailIsTheirs } = word
  if (email === undefined || !emailIsTheirs) return undefined
  const [row] = await tx.query<SignedRow>(
    `update users set issuer = $3, subject = $4, claims_at = null
     where tenant_id = $1 and issuer = '${invitedIssuer}' and lower(email) = lower($2) returning ${signedColumns}`,
    [tx.tenantId, email, issuer, subject],
  )
  return row
}

/** Undefined when somebody else made them in this moment, or they are in another tenant. */
async function make(tx: TenantTx, word: Word): Promise<SignedRow | undefined> {
  const [made] = await tx.query<SignedRow>(
    `insert into users (tenant_id, id, issuer, subject, platform_user_id, email, name, role, claims_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning ${signedColumns}`,
    [
      tx.tenantId,
      uuidv7(tx.now.getTime()),
      word.issuer,
      word.subject,
      word.platformUserId,
      word.email ?? null,
      word.name ?? word.email ?? word.otherwise,
      word.role,
      word.issuedAt ?? null,
    ],
  )
  if (made) {
    const self = { kind: 'user' as const, id: made.id, name: made.name }
    tx.record('user.joined', { user: presentUser(made) }, readersOfUsers, self)
  }
  return made
}

/** Writes what the word says and the row does not. Whoever is faster with a newer word keeps it. */
async function heed(tx: TenantTx, user: SignedRow, word: Word): Promise<UserRow> {
  const email = word.email ?? user.email
  const name = word.name ?? user.name
  const platformUserId = word.platformUserId ?? user.platform_user_id
  const same =
    user.role === word.role &&
    user.email === email &&
    user.name === name &&
    user.platform_user_id === platformUserId &&
    user.status === 'active'
  const at = word.issuedAt ?? null
  if (same) {
    if (word.issuedAt !== undefined && word.issuedAt.toISOString() !== user.claims_at)
      await tx.query(
        `update users set claims_at = $3 where tenant_id = $1 and id = $2 and (claims_at is null or claims_at < $3)`,
        [tx.tenantId, user.id, at],
      )
    return user
  }
  const [changed] = await tx.query<UserRow>(
    `update users set role = $3, email = $4, name = $5, platform_user_id = $6, status = 'active', shut_by_platform = false,
       claims_at = coalesce($7, claims_at), version = version + 1, updated_at = $8
     where tenant_id = $1 and id = $2 and ($7::timestamptz is null or claims_at is null or claims_at <= $7)
     returning ${userColumns}`,
    [tx.tenantId, user.id, word.role, email, name, platformUserId, at, tx.now],
  )
  if (!changed) return user
  tx.record(
    'user.updated',
    { user: presentUser(changed), ...(changed.role !== user.role && { formerRole: user.role }) },
    readersOfUsers,
  )
  return changed
}

/**
 * The platform says that somebody is not active any more, or (`leaves`) that they are somewhere else now. What its next
 * word brings back is exactly what this took away.
 */
export async function shutOut(
  tx: TenantTx,
  userId: string,
  issuedAt: Date | undefined,
  leaves: boolean,
): Promise<void> {
  const [user] = await tx.query<UserRow>(
    `update users set status = 'disabled', shut_by_platform = shut_by_platform or status = 'active',
       platform_user_id = case when $3 then null else platform_user_id end,
       claims_at = coalesce($4, claims_at), version = version + 1, updated_at = $5
     where tenant_id = $1 and id = $2 and (status = 'active' or ($3 and platform_user_id is not null))
     returning ${userColumns}`,
    [tx.tenantId, userId, leaves, issuedAt ?? null, tx.now],
  )
  if (user) tx.record('user.disabled', { user: presentUser(user) }, readersOfUsers)
}
