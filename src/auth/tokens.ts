import jwt from 'jsonwebtoken'
import { z } from 'zod'
import { Failure } from '../contract/errors.ts'
import { role } from '../contract/records.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'

/** What a verified token says. */
export interface TokenClaims {
  readonly issuer: string
  readonly subject: string
  readonly role: z.infer<typeof role>
  /** Slug or id of the tenant; undefined means the issuer's default. */
  readonly tenant: string | undefined
  readonly email: string | undefined
  readonly name: string | undefined
  readonly expiresAt: Date
}

/** Strict types: a number written as text, an array of roles or an object for a tenant is a bad token. */
const claims = z.object({
  iss: z.string().min(1).max(200),
  sub: z.union([z.string().min(1).max(200), z.number().int()]).optional(),
  user_id: z.union([z.string().min(1).max(200), z.number().int()]).optional(),
  role,
  exp: z.number().int(),
  iat: z.number().int().optional(),
  tenant_id: z.string().min(1).max(63).optional(),
  email: z.string().max(320).nullish(),
  name: z.string().max(200).nullish(),
})

export type TokenConfig = Pick<Config, 'JWT_SECRET' | 'JWT_ISSUER' | 'JWT_MAX_AGE' | 'JWT_LEEWAY'>

const longest = 8192
const headerMembers = new Set(['alg', 'typ', 'kid'])

/**
 * Verifies a token of the CMS: HS256 and nothing else, an issuer that we know, `exp`, a role and a subject. Tokens are
 * verified here and made elsewhere. `kid` is ignored: both secrets of a rotation are tried.
 * Fails with `unauthorized`, or with `token_expired` when that is all that is wrong.
 */
export function verifyToken(token: string, config: TokenConfig, clock: Clock): TokenClaims {
  if (token.length > longest || !hasPlainHeader(token)) throw new Failure('unauthorized')
  const nowSeconds = Math.floor(clock.now().getTime() / 1000)
  let body: unknown
  let failure: unknown
  for (const secret of config.JWT_SECRET) {
    try {
      body = jwt.verify(token, secret, {
        algorithms: ['HS256'],
        issuer: config.JWT_ISSUER as [string, ...string[]],
        clockTimestamp: nowSeconds,
        clockTolerance: config.JWT_LEEWAY,
      })
      break
    } catch (error) {
      // The right secret's verdict (expired) is worth more than the other one's (wrong signature).
      if (failure === undefined || error instanceof jwt.TokenExpiredError) failure = error
    }
  }
  if (body === undefined)
    throw new Failure(
      failure instanceof jwt.TokenExpiredError ? 'token_expired' : 'unauthorized',
      {},
      { cause: failure },
    )
  const parsed = claims.safeParse(body)
  if (!parsed.success) throw new Failure('unauthorized', {}, { cause: parsed.error })
  const { data } = parsed
  const subject = data.sub ?? data.user_id
  if (subject === undefined) throw new Failure('unauthorized')
  const bornAt = data.iat ?? nowSeconds
  const tooOld = data.exp - bornAt > config.JWT_MAX_AGE + config.JWT_LEEWAY
  if (bornAt > nowSeconds + config.JWT_LEEWAY || tooOld) throw new Failure('unauthorized')
  return {
    issuer: data.iss,
    subject: String(subject),
    role: data.role,
    tenant: data.tenant_id,
    email: data.email ?? undefined,
    name: data.name ?? undefined,
    expiresAt: new Date(data.exp * 1000),
  }
}

/** A header that brings its own key or demands extensions (`jwk`, `jku`, `x5u`, `crit` …) is refused unread. */
function hasPlainHeader(token: string): boolean {
  try {
    const header: unknown = JSON.parse(
      Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString(),
    )
    return (
      typeof header === 'object' &&
      header !== null &&
      Object.keys(header).every((member) => headerMembers.has(member)) &&
      isShortText((header as { kid?: unknown }).kid)
    )
  } catch {
    return false
  }
}

const isShortText = (kid: unknown): boolean =>
  kid === undefined || (typeof kid === 'string' && kid.length <= 256)
