import { type ErrorCode, Failure } from '../contract/errors.ts'
import type { Role } from '../contract/records.ts'
import { readTenant } from '../log/read-tenant.ts'
import { inTenant } from '../log/tenant-tx.ts'
import { defaultTenantOf } from '../platform/config.ts'
import { isUniqueViolation } from '../platform/db.ts'
import { type AuthDeps, type Entry, tenantFacts } from './entry.ts'
import { type Place, type PlatformClaims, placeOf } from './platform-claims.ts'
import { actorOf, isNews, shutOut, type UserRow, userColumns, welcome, type Word } from './signed-users.ts'

/** A verified token of the platform. */
interface PlatformToken {
  readonly issuer: string
  readonly claims: PlatformClaims
  readonly issuedAt: Date | undefined
  readonly expiresAt: Date
}

/** Others who come with the same account at the same moment, or its change, can overtake; each time one of them got on. */
const mostTries = 6

/**
 * Lets somebody of the platform in, who is known by the platform's id of them wherever they are; they, and the tenant of a
 * business, are made when they are new. Somebody whom the platform moves to another business leaves the tenant that they
 * were in. A token that is older than the newest that was seen says who it is and nothing else.
 * Fails with `account_inactive`, `usertype_denied`, `business_unknown`, `user_disabled`, `tenant_suspended`.
 */
export async function enterFromPlatform(deps: AuthDeps, token: PlatformToken): Promise<Entry> {
  const { claims, issuedAt, expiresAt } = token
  for (let tries = 0; tries < mostTries; tries++) {
    const known = await whereIs(deps, claims.userid)
    const isNew = !known || isNews(issuedAt, known.claims_at)
    try {
      const { role, place } = placeOf(claims)
      const entry =
        known && !isNew
          ? await enterAsKnown(deps, known, expiresAt)
          : await enterAt(deps, await destination(deps, token, place), known, token, role)
      if (entry) return entry
    } catch (error) {
      if (isUniqueViolation(error)) continue
      if (known && isNew && error instanceof Failure && refusals.has(error.code))
        await inTenant(deps, known.tenant_id, (tx) => shutOut(tx, known.user_id, issuedAt, false))
      throw error
    }
  }
  throw new Failure('unavailable')
}

/** What the platform's word itself means, whatever we think of the person. */
const refusals = new Set<ErrorCode>(['account_inactive', 'usertype_denied', 'business_unknown'])

/** Undefined when somebody else was faster; then everything is to be looked up again. */
async function enterAt(
  deps: AuthDeps,
  slugOrId: string | undefined,
  known: Known | undefined,
  token: PlatformToken,
  role: Role,
): Promise<Entry | undefined> {
  if (slugOrId === undefined) return undefined
  const tenant = await tenantFacts(deps, slugOrId)
  if (known && known.tenant_id !== tenant.id)
    await inTenant(deps, known.tenant_id, (tx) => shutOut(tx, known.user_id, token.issuedAt, true))
  const actor = await inTenant(deps, tenant.id, (tx) => welcome(tx, wordOf(deps, token, role)))
  return actor && { actor, tenant, expiresAt: token.expiresAt }
}

function wordOf({ config }: AuthDeps, { issuer, claims, issuedAt }: PlatformToken, role: Role): Word {
  const { userid, email, name, whatsapp } = claims
  return {
    issuer,
    subject: String(userid),
    platformUserId: userid,
    role,
    email: email || undefined,
    emailIsTheirs: claims.email_verified && config.EMAIL_ISSUERS.includes(issuer),
    name: name || undefined,
    otherwise: String(whatsapp || userid),
    issuedAt,
  }
}

interface Known {
  readonly tenant_id: string
  readonly user_id: string
  readonly claims_at: string | null
}

async function whereIs(deps: AuthDeps, platformUserId: number): Promise<Known | undefined> {
  const { rows } = await deps.db.write.query<Known>('select * from find_platform_user($1)', [platformUserId])
  return rows[0]
}

/** Undefined when they are not there any more. */
async function enterAsKnown(deps: AuthDeps, known: Known, expiresAt: Date): Promise<Entry | undefined> {
  const tenant = await tenantFacts(deps, known.tenant_id)
  const actor = await readTenant(deps, tenant.id, async (query) => {
    const [user] = await query<UserRow>(
      `select ${userColumns} from users where tenant_id = $1 and id = $2 and platform_user_id is not null`,
      [tenant.id, known.user_id],
    )
    if (user?.status === 'disabled') throw new Failure('user_disabled')
    return user && actorOf({ query }, tenant.id, user)
  })
  return actor && { actor, tenant, expiresAt }
}

interface TenantRow {
  readonly id: string
  readonly platform_business_id: number | null
  readonly platform_owner_id: number | null
}

/**
 * The tenant where the account belongs, by id or slug. Makes the tenant of an owner who has none; then undefined, because
 * somebody else may have made it in the same moment. Fails with `business_unknown`.
 */
async function destination(
  deps: AuthDeps,
  { issuer, claims }: PlatformToken,
  place: Place,
): Promise<string | undefined> {
  if (place === 'installation') return defaultTenantOf(deps.config, issuer)
  const business = claims.businessid ?? null
  const find = async (owner: number): Promise<TenantRow[]> =>
    (await deps.db.write.query<TenantRow>('select * from find_platform_tenants($1, $2)', [business, owner]))
      .rows
  if (place === 'linked') {
    // Where the platform's owners have no business of their own number, clients name the owner.
    const tenant = business === null ? undefined : tenantOfBusiness(await find(business), business, business)
    if (!tenant) throw new Failure('business_unknown', { business })
    return tenant.id
  }
  const found = await find(claims.userid)
  const tenant = tenantOfBusiness(found, business, claims.userid)
  if (!tenant) {
    const hasAnother = found.some((one) => one.platform_owner_id === claims.userid)
    await deps.foundTenant({
      businessId: business,
      ownerId: hasAnother ? null : claims.userid,
      name: claims.name || `Business ${business ?? claims.userid}`,
    })
    return undefined
  }
  if (business !== null && tenant.platform_business_id === null)
    await inTenant(deps, tenant.id, async (tx) => {
      await tx.query(
        'update tenants set platform_business_id = $2 where id = $1 and platform_business_id is null',
        [tenant.id, business],
      )
    })
  return tenant.id
}

/**
 * The tenant of a business: by its number, or by its owner's when neither has another number. An owner's number is never
 * taken for the number of a business that goes by its own, because the two are counted apart.
 */
function tenantOfBusiness(
  found: readonly TenantRow[],
  business: number | null,
  owner: number,
): TenantRow | undefined {
  const byNumber = found.find((one) => business !== null && one.platform_business_id === business)
  if (byNumber) return byNumber
  return found.find(
    (one) => one.platform_owner_id === owner && (business === null || one.platform_business_id === null),
  )
}
