import jwt from 'jsonwebtoken'
import { z } from 'zod'
import { Failure } from '../contract/errors.ts'
import { role } from '../contract/records.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import { type LocalClaims, type LocalKeyConfig, localClaims, localKeys } from './local-tokens.ts'
import { claimText, emailVerified, type PlatformClaims, platformClaims } from './platform-claims.ts'

/** What a verified token says, by whoever issued it, and its times. */
export type VerifiedToken = Times &
  (
    | { readonly by: 'cms'; readonly issuer: string; readonly claims: CmsClaims }
    | { readonly by: 'platform'; readonly issuer: string; readonly claims: PlatformClaims }
    | { readonly by: 'us'; readonly claims: LocalClaims }
  )

interface Times {
  /** Undefined when the token does not say; then nobody can tell whether it is older than another. */
  readonly issuedAt: Date | undefined
  readonly expiresAt: Date
}

export interface CmsClaims {
  readonly subject: string
  readonly role: z.infer<typeof role>
  /** Slug or id of the tenant; undefined means the default one. */
  readonly tenant: string | undefined
  readonly email: string | undefined
  /** False when the issuer says that it did not verify the address. */
  readonly emailVerified: boolean
  readonly name: string | undefined
}

/** Strict types: a number written as text, an array of roles or an object for a tenant is a bad token. */
const subject = z.union([claimText(200).min(1), z.number().int()])
const cmsClaims = z
  .object({
    sub: subject.optional(),
    user_id: subject.optional(),
    role,
    tenant_id: claimText(63).min(1).optional(),
    email: claimText(320).nullish(),
    email_verified: emailVerified,
    name: claimText(200).nullish(),
  })
  .transform(({ sub, user_id: userId, tenant_id: tenant, email, name, ...rest }, context): CmsClaims => {
    const known = sub ?? userId
    if (known === undefined) {
      context.addIssue('neither sub nor user_id')
      return z.NEVER
    }
    return {
      subject: String(known),
      role: rest.role,
      tenant,
      email: email ?? undefined,
      emailVerified: rest.email_verified,
      name: name ?? undefined,
    }
  })

/**
 * What every token has. Members that only tokens for another purpose have are refused: an id token (`at_hash`,
 * `c_hash`), a message about an event (`events`), a refresh token (`token_use`).
 */
const everyToken = z.object({
  iss: z.string().min(1).max(200),
  exp: z.number().int(),
  iat: z.number().int().optional(),
  token_use: z.literal('access').optional(),
  at_hash: z.never().optional(),
  c_hash: z.never().optional(),
  events: z.never().optional(),
})

export type TokenConfig = LocalKeyConfig &
  Pick<
    Config,
    | 'JWT_SECRET'
    | 'JWT_ISSUER'
    | 'JWT_AUDIENCE'
    | 'JWT_MAX_AGE'
    | 'JWT_LEEWAY'
    | 'SSO_ISSUER'
    | 'LOCAL_ISSUER'
  >

const longest = 8192

/** `typ` says what a token is for: an access token, or nothing in particular. */
const plainHeader = z.strictObject({
  alg: z.literal('HS256'),
  typ: z.enum(['JWT', 'jwt', 'at+jwt']).optional(),
  kid: z.string().max(256).optional(),
})

/** A secret, and whose tokens it signs. */
interface Signer {
  readonly secret: string | Buffer
  readonly issuers: readonly string[]
  readonly audiences: readonly string[]
}

/** The platform and the CMS share their secrets; ours signs for nobody but us. */
function signersOf(config: TokenConfig): Signer[] {
  const issuers = [...config.JWT_ISSUER, config.SSO_ISSUER]
  return [
    ...config.JWT_SECRET.map((secret) => ({ secret, issuers, audiences: config.JWT_AUDIENCE })),
    ...localKeys(config).map((secret) => ({ secret, issuers: [config.LOCAL_ISSUER], audiences: [] })),
  ]
}

/**
 * Verifies a token: HS256 and nothing else, an issuer that we know under the secret that is its own, `exp`, no longer life
 * than JWT_MAX_AGE, and the claims that tokens of this issuer have. Tokens of the platform and the CMS are verified here and
 * made elsewhere. `kid` is ignored: both secrets of a rotation are tried.
 * Fails with `unauthorized`, or with `token_expired` when that is all that is wrong.
 */
export function verifyToken(token: string, config: TokenConfig, clock: Clock): VerifiedToken {
  if (token.length > longest || !hasPlainHeader(token)) throw new Failure('unauthorized')
  const nowSeconds = Math.floor(clock.now().getTime() / 1000)
  const body = verifiedBody(token, config, nowSeconds)
  const common = parse(everyToken, body)
  const bornAt = common.iat ?? nowSeconds
  const tooOld = common.exp - bornAt > config.JWT_MAX_AGE + config.JWT_LEEWAY
  if (bornAt > nowSeconds + config.JWT_LEEWAY || tooOld) throw new Failure('unauthorized')
  const times = {
    issuedAt: common.iat === undefined ? undefined : new Date(common.iat * 1000),
    expiresAt: new Date(common.exp * 1000),
  }
  const { iss: issuer } = common
  if (config.LOCAL_SIGN_IN === 'on' && issuer === config.LOCAL_ISSUER)
    return { by: 'us', claims: parse(localClaims, body), ...times }
  // One issuer may be both; then a usertype tells the platform's tokens from those with a role.
  const isPlatform =
    issuer === config.SSO_ISSUER && (!config.JWT_ISSUER.includes(issuer) || 'usertype' in (body as object))
  return isPlatform
    ? { by: 'platform', issuer, claims: parse(platformClaims, body), ...times }
    : { by: 'cms', issuer, claims: parse(cmsClaims, body), ...times }
}

function verifiedBody(token: string, config: TokenConfig, nowSeconds: number): unknown {
  let failure: unknown
  for (const { secret, issuers, audiences } of signersOf(config)) {
    try {
      return jwt.verify(token, secret, {
        algorithms: ['HS256'],
        issuer: issuers as [string, ...string[]],
        ...(audiences.length > 0 && { audience: audiences as [string, ...string[]] }),
        clockTimestamp: nowSeconds,
        clockTolerance: config.JWT_LEEWAY,
      })
    } catch (error) {
      // The right secret's verdict (expired) is worth more than the other one's (wrong signature).
      if (failure === undefined || error instanceof jwt.TokenExpiredError) failure = error
    }
  }
  throw new Failure(
    failure instanceof jwt.TokenExpiredError ? 'token_expired' : 'unauthorized',
    {},
    { cause: failure },
  )
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new Failure('unauthorized', {}, { cause: parsed.error })
  return parsed.data
}

/** A header that brings its own key or demands extensions (`jwk`, `jku`, `x5u`, `crit` …) is refused unread. */
function hasPlainHeader(token: string): boolean {
  try {
    const header: unknown = JSON.parse(
      Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString(),
    )
    return plainHeader.safeParse(header).success
  } catch {
    return false
  }
}
