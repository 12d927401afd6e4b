import { UsageError } from './failure.ts'
import { duration } from './options.ts'
import type { Tone } from './output.ts'

export const endHint = 'A length of time such as 90d, or an instant such as 2027-01-31T00:00:00Z.'

/** An instant in the future, told as a length of time or as itself. */
export function endOfKey(text: string): Date {
  if (/^\d+[smhd]$/.test(text)) return new Date(Date.now() + duration(text) * 1000)
  const instant = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? new Date(text) : undefined
  if (instant === undefined || Number.isNaN(instant.getTime()))
    throw new UsageError(
      `expected a length of time such as 90d or an instant such as 2027-01-31T00:00:00Z, not ${text}`,
    )
  if (instant.getTime() <= Date.now()) throw new UsageError(`${text} has passed`)
  return instant
}

/** A key of any kind, as far as its life goes. */
interface Lived {
  readonly revokedAt: string | null
  readonly expiresAt: string | null
}

export function stateOf(key: Lived): 'active' | 'revoked' | 'expired' {
  if (key.revokedAt !== null) return 'revoked'
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= Date.now() ? 'expired' : 'active'
}

export const tones: Record<ReturnType<typeof stateOf>, Tone> = {
  active: 'ok',
  revoked: 'dim',
  expired: 'warn',
}
