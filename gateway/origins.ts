import type { IncomingHttpHeaders } from 'node:http'
import { ownOrigins } from '../src/auth/origins.ts'
import type { Config } from '../src/platform/config.ts'

export type CredentialSource = 'auth' | 'header' | 'cookie'

/**
 * Whether a handshake may come from where it comes from. CORS does not apply to WebSockets, and a cookie is sent along
 * from any page, also from a sibling subdomain: so the exact origin decides, and a cookie without an Origin is nobody
 * we know. A token that the page itself brings may also come from the origin that serves it.
 */
export function originJudge(
  config: Pick<Config, 'CORS_ALLOWED_ORIGINS' | 'PUBLIC_URL'>,
): (headers: IncomingHttpHeaders, source: CredentialSource) => boolean {
  const allowed = ownOrigins(config)
  return ({ origin, host }, source) => {
    if (origin === undefined) return source !== 'cookie'
    if (allowed.has(origin)) return true
    return source !== 'cookie' && (origin === `http://${host}` || origin === `https://${host}`)
  }
}
