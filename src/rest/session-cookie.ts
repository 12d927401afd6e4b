import { parseCookie, stringifySetCookie } from 'cookie'
import type { Request, Response } from 'express'
import type { Config } from '../platform/config.ts'
import { requireOwnOrigin } from './credential.ts'

type CookieConfig = Pick<Config, 'NODE_ENV' | 'BASE_PATH' | 'CORS_ALLOWED_ORIGINS' | 'PUBLIC_URL'>

/**
 * The cookie in which a browser keeps its refresh token: not for scripts, only for our own site, only for the paths that
 * renew and end sign-ins. The host may be shared with neighbours, so the path is ours, which `__Host-` does not allow;
 * `__Secure-` says that it came over https. Development speaks http.
 */
function cookieOf({ NODE_ENV, BASE_PATH }: CookieConfig) {
  const secure = NODE_ENV === 'production'
  return {
    name: secure ? '__Secure-switchboard_refresh' : 'switchboard_refresh',
    httpOnly: true,
    secure,
    sameSite: 'strict' as const,
    path: `${BASE_PATH}/api/auth`,
  }
}

export function setSessionCookie(
  response: Response,
  config: CookieConfig,
  refreshToken: string,
  expires: Date,
): void {
  const cookie = { ...cookieOf(config), value: refreshToken, expires }
  response.append('set-cookie', stringifySetCookie(cookie))
}

export function clearSessionCookie(response: Response, config: CookieConfig): void {
  response.append('set-cookie', stringifySetCookie({ ...cookieOf(config), value: '', maxAge: 0 }))
}

/** The refresh token of the cookie; undefined without one. Fails with `origin_denied` for pages that are not ours. */
export function sessionCookieOf(request: Request, config: CookieConfig): string | undefined {
  const cookies = request.get('cookie')
  const text = cookies === undefined ? undefined : parseCookie(cookies)[cookieOf(config).name]
  if (!text) return undefined
  requireOwnOrigin(request, { text, byCookie: true }, config)
  return text
}
