import type { Config } from '../platform/config.ts'

/**
 * Origins whose pages may use the cookies of a browser: those on CORS_ALLOWED_ORIGINS, exactly, and the one that PUBLIC_URL
 * is at, where pages of our own are served.
 */
export function ownOrigins(config: Pick<Config, 'CORS_ALLOWED_ORIGINS' | 'PUBLIC_URL'>): ReadonlySet<string> {
  const own = config.PUBLIC_URL === undefined ? [] : [new URL(config.PUBLIC_URL).origin]
  return new Set([...config.CORS_ALLOWED_ORIGINS, ...own])
}
