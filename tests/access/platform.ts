import { forge } from '../harness/tokens.ts'

/** Claims of a token of the platform, an active owner of a business unless said otherwise. */
export function platformClaimsOf(more: Record<string, unknown> = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: 'saubh',
    userid: 100,
    whatsapp: '919876543210',
    usertype: 'BO',
    status: 'A',
    name: 'Asha',
    email: 'asha@bakery.example',
    iat: now,
    exp: now + 3600,
    ...more,
  }
}

/** Signed as the platform signs. A member that is undefined is not there. */
export function platformToken(more: Record<string, unknown> = {}): string {
  return forge(platformClaimsOf(more))
}

/** When a token was issued, so many seconds from now; those that are issued later count more. */
export function issued(inSeconds: number): { iat: number; exp: number } {
  const iat = Math.floor(Date.now() / 1000) + inSeconds
  return { iat, exp: iat + 3600 }
}
