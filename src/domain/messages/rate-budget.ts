import type { Config } from '../../platform/config.ts'
import type { ProviderName } from '../../providers/port.ts'

/** A token bucket: how fast it fills, how much it holds, and what of it only live chat may take. */
export interface Budget {
  readonly perSecond: number
  readonly burst: number
  readonly reserved: number
  /** What one message costs, 1 or a bit more. */
  readonly cost: () => number
}

export type RateConfig = Pick<
  Config,
  'SEND_RATE_PER_SECOND' | 'SEND_BURST' | 'SEND_RESERVED_PERCENT' | 'EVOLUTION_SEND_INTERVAL_MS'
>

/**
 * What a number may send. A paired phone goes at a human's pace, one at a time with an uneven pause (WhatsApp bans numbers
 * that write like a machine); the Cloud API has a rate per number.
 */
export function budgetOf(
  config: RateConfig,
  provider: ProviderName,
  random: () => number = Math.random,
): Budget {
  if (provider === 'evolution') {
    const interval = config.EVOLUTION_SEND_INTERVAL_MS
    const perSecond = interval === 0 ? Number.POSITIVE_INFINITY : 1000 / interval
    return { perSecond, burst: 1, reserved: 0, cost: () => 1 + random() / 2 }
  }
  const burst = config.SEND_BURST
  const reserved = Math.min(burst - 1, Math.floor((burst * config.SEND_RESERVED_PERCENT) / 100))
  return { perSecond: config.SEND_RATE_PER_SECOND, burst, reserved, cost: () => 1 }
}

/** What is in the bucket after `elapsedMs`; never more than the burst, and a clock that went back takes nothing. */
export function refilled(budget: Budget, tokens: number, elapsedMs: number): number {
  if (budget.perSecond === Number.POSITIVE_INFINITY) return budget.burst
  return Math.min(budget.burst, tokens + (Math.max(0, elapsedMs) / 1000) * budget.perSecond)
}

/** Milliseconds until the bucket holds `wanted`. */
export function untilHolds(budget: Budget, tokens: number, wanted: number): number {
  return tokens >= wanted ? 0 : Math.ceil(((wanted - tokens) / budget.perSecond) * 1000)
}
