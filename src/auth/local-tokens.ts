import { hkdfSync } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { z } from 'zod'
import type { Config } from '../platform/config.ts'

/** Claims of our own sign-in beside those that every token has. The role is not among them: the user's row has it. */
export const localClaims = z.object({
  sub: z.uuid(),
  tenant_id: z.uuid(),
  sid: z.uuid(),
  iat: z.number().int(),
})
export type LocalClaims = z.infer<typeof localClaims>

export type LocalKeyConfig = Pick<Config, 'ENCRYPTION_KEY' | 'ENCRYPTION_KEY_PREVIOUS' | 'LOCAL_SIGN_IN'>

/**
 * The keys of our own tokens, the one that signs first; none while that sign-in is off. They are derived from
 * ENCRYPTION_KEY and not from JWT_SECRET: the platform has that one too, and must not be able to make tokens in our name.
 */
export function localKeys(config: LocalKeyConfig): Buffer[] {
  if (config.LOCAL_SIGN_IN === 'off') return []
  return [config.ENCRYPTION_KEY, config.ENCRYPTION_KEY_PREVIOUS].flatMap((key) =>
    key === undefined
      ? []
      : [Buffer.from(hkdfSync('sha256', Buffer.from(key, 'base64'), '', 'switchboard sign-in', 32))],
  )
}

/** A token of our own for a sign-in that is going on. */
export function signLocalToken(
  config: LocalKeyConfig & Pick<Config, 'LOCAL_ISSUER' | 'LOCAL_TOKEN_SECONDS'>,
  session: { readonly tenantId: string; readonly userId: string; readonly id: string },
  now: Date,
): { token: string; expiresAt: Date } {
  const [key] = localKeys(config)
  if (key === undefined) throw new Error('our own sign-in is off')
  const iat = Math.floor(now.getTime() / 1000)
  const exp = iat + config.LOCAL_TOKEN_SECONDS
  const claims = {
    iss: config.LOCAL_ISSUER,
    sub: session.userId,
    tenant_id: session.tenantId,
    sid: session.id,
    iat,
    exp,
  }
  return { token: jwt.sign(claims, key, { algorithm: 'HS256' }), expiresAt: new Date(exp * 1000) }
}
