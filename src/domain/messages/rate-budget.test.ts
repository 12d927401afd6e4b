import { describe, expect, test } from 'vitest'
import { pauseOf, retryAfterTry } from './backoff.ts'
import { budgetOf, refilled, untilHolds } from './rate-budget.ts'

const config = {
  SEND_RATE_PER_SECOND: 60,
  SEND_BURST: 60,
  SEND_RESERVED_PERCENT: 25,
  EVOLUTION_SEND_INTERVAL_MS: 1000,
}

describe('[OUT10] the budget of a number', () => {
  test('fills at its rate up to its burst, and a clock that goes back takes nothing', () => {
    const budget = budgetOf(config, 'whatsapp-cloud')
    expect(refilled(budget, 0, 500)).toBe(30)
    expect(refilled(budget, 59, 500)).toBe(60)
    expect(refilled(budget, 10, -500)).toBe(10)
    expect([untilHolds(budget, 0.5, 1), untilHolds(budget, 1, 1)]).toEqual([9, 0])
    expect(budget.reserved).toBe(15)
  })

  test('of a paired phone is one message per interval and up to half as much more', () => {
    const [least, most] = [() => 0, () => 1].map((random) => budgetOf(config, 'evolution', random))
    expect(least && [least.burst, least.cost(), least.reserved]).toEqual([1, 1, 0])
    expect(most && untilHolds(most, 1 - most.cost(), 1)).toBe(1500)
    expect(least && untilHolds(least, 1 - least.cost(), 1)).toBe(1000)
  })

  test('without an interval a paired phone does not wait', () => {
    const budget = budgetOf({ ...config, EVOLUTION_SEND_INTERVAL_MS: 0 }, 'evolution')
    expect(refilled(budget, -1, 0)).toBe(1)
  })

  test('a burst of one has no reserve, or nothing but live chat would ever go', () => {
    expect(budgetOf({ ...config, SEND_BURST: 1, SEND_RESERVED_PERCENT: 90 }, 'fake').reserved).toBe(0)
  })
})

describe('[OUT10] waiting after a try', () => {
  const none = () => 0
  test('doubles for a message and quadruples for a pair, never less than the network asked', () => {
    const message = [1, 2, 3].map((tries) => retryAfterTry({ afterMs: 5000, scope: 'message' }, tries, none))
    const pair = [1, 2, 3].map((tries) => retryAfterTry({ afterMs: 4000, scope: 'pair' }, tries, none))
    expect([message, pair]).toEqual([
      [5000, 10_000, 20_000],
      [4000, 16_000, 64_000],
    ])
  })

  test('is an hour at most, unless the network asked for more', () => {
    expect(retryAfterTry({ afterMs: 5000, scope: 'message' }, 40, none)).toBe(3_600_000)
    expect(retryAfterTry({ afterMs: 7_200_000, scope: 'message' }, 1, none)).toBe(7_200_000)
    expect(pauseOf(7_200_000, 5)).toBe(7_200_000)
  })

  test('a number pauses twice as long each time', () => {
    expect([0, 1, 2, 50].map((before) => pauseOf(15_000, before))).toEqual([
      15_000, 30_000, 60_000, 3_600_000,
    ])
  })
})
