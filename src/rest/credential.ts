import { parseCookie } from 'cookie'
import type { Request } from 'express'
import { ownOrigins } from '../auth/origins.ts'
import { Failure } from '../contract/errors.ts'
import type { Config } from '../platform/config.ts'

/** What a request shows at the door, and how it came. */
export interface Credential {
  readonly text: string
  /** A browser adds cookies to requests that another site made it send; a header it does not. */
  readonly byCookie: boolean
}

/**
 * The credential of a request: `Authorization: Bearer` (token or key), else the platform's cookie; null without one. Never
 * the query string, which ends up in logs and histories. Fails with `unauthorized` for another kind of Authorization.
 */
export function credentialOf(request: Request, config: Pick<Config, 'SSO_COOKIE'>): Credential | null {
  const header = request.get('authorization')
  if (header !== undefined) {
    const found = /^Bearer ([^\s]+)$/i.exec(header)
    if (!found?.[1]) throw new Failure('unauthorized')
    return { text: found[1], byCookie: false }
  }
  const cookies = request.get('cookie')
  const text = cookies === undefined ? undefined : parseCookie(cookies)[config.SSO_COOKIE]
  return text ? { text, byCookie: true } : null
}

const harmless = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * A request that comes by cookie and changes something must show an Origin that is one of ours, exactly. SameSite is not
 * relied on: a sibling subdomain is the same site. Fails with `origin_denied`.
 */
export function requireOwnOrigin(
  request: Request,
  credential: Credential,
  config: Pick<Config, 'CORS_ALLOWED_ORIGINS' | 'PUBLIC_URL'>,
): void {
  if (!credential.byCookie || harmless.has(request.method)) return
  const origin = request.get('origin')
  if (origin === undefined || !ownOrigins(config).has(origin)) throw new Failure('origin_denied')
}
