import { createHash, randomBytes } from 'node:crypto'
import type { UserActor } from '../../auth/actor.ts'
import type { TenantFacts } from '../../auth/entry.ts'
import { type LocalKeyConfig, signLocalToken } from '../../auth/local-tokens.ts'
import type { SignedInView } from '../../contract/rest/sign-in.ts'
import type { Config } from '../../platform/config.ts'
import { presentCaller } from '../users/present-caller.ts'

export type SessionConfig = LocalKeyConfig &
  Pick<
    Config,
    | 'LOCAL_ISSUER'
    | 'LOCAL_TOKEN_SECONDS'
    | 'LOCAL_SESSION_IDLE_HOURS'
    | 'LOCAL_SESSION_HOURS'
    | 'LOCAL_SESSIONS'
    | 'LOCAL_REFRESH_GRACE_SECONDS'
  >

const hourMs = 3_600_000

/** What a client keeps to renew its sign-in: 256 random bits. We keep its hash. */
export function makeRefreshToken(): { refreshToken: string; hash: Buffer } {
  const refreshToken = `sr_${randomBytes(32).toString('base64url')}`
  return { refreshToken, hash: hashRefreshToken(refreshToken) }
}

export function hashRefreshToken(refreshToken: string): Buffer {
  return createHash('sha256').update(refreshToken).digest()
}

/** When a sign-in is over that began and was last renewed at these times. */
export function endOfSession(config: SessionConfig, createdAt: Date, renewedAt: Date): Date {
  return new Date(
    Math.min(
      createdAt.getTime() + config.LOCAL_SESSION_HOURS * hourMs,
      renewedAt.getTime() + config.LOCAL_SESSION_IDLE_HOURS * hourMs,
    ),
  )
}

/** Who asks, as far as the request says. */
export interface Asking {
  readonly ip: string | undefined
  readonly userAgent: string | undefined
  readonly requestId: string
}

export interface OpenSession {
  readonly id: string
  readonly user: UserActor
  readonly tenant: TenantFacts
  readonly refreshToken: string
  readonly createdAt: Date
  readonly renewedAt: Date
}

/** What somebody gets who signed in or renewed. A token never outlives the sign-in by more than its own short life. */
export function presentSession(config: SessionConfig, session: OpenSession): SignedInView {
  const { id, user, tenant, refreshToken, createdAt, renewedAt } = session
  const signed = signLocalToken(config, { tenantId: tenant.id, userId: user.id, id }, renewedAt)
  return {
    token: signed.token,
    expiresAt: signed.expiresAt.toISOString(),
    refreshToken,
    refreshExpiresAt: endOfSession(config, createdAt, renewedAt).toISOString(),
    user: presentCaller(user),
    tenant,
  }
}
