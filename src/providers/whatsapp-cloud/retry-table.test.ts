import { describe, expect, test } from 'vitest'
import { isRetryable, ruleFor } from './retry-table.ts'

/** The table of the reference (14.2), class by class, as far as it has a class. */
const classes = {
  retry: [
    1, 2, 4, 80007, 80008, 130429, 131000, 131016, 131056, 131057, 133000, 133004, 133009, 133015, 134101,
    2494100,
  ],
  wait: [130472, 131048, 131049, 131064, 132015, 132069, 133008, 133016],
  never: [
    100, 130403, 130497, 131008, 131009, 131014, 131020, 131021, 131026, 131041, 131047, 131050, 131051,
    131053, 131055, 131059, 131062, 131201, 131215, 134100, 135000, 137000, 138000, 138018, 139000, 139103,
    147001, 147005, 1752041, 2593107, 2593108, 2593109,
  ],
  configuration: [
    0, 3, 10, 33, 104, 190, 200, 299, 368, 131005, 131030, 131031, 131037, 131042, 131045, 131063, 133005,
    133006, 133010, 134011, 134102, 2388019, 2388001, 2388012, 2388091, 2388093, 2388103,
  ],
  template: [
    132000, 132001, 132005, 132007, 132008, 132012, 132016, 132018, 132068, 2388039, 2388040, 2388047,
    2388072, 2388073, 2388293, 2388299,
  ],
} as const

describe('the table of error codes', () => {
  test.each(Object.entries(classes).flatMap(([name, codes]) => codes.map((code) => [code, name] as const)))(
    '%i is of class %s',
    (code, name) => {
      expect(ruleFor(code)).toMatchObject({ class: name, title: expect.stringMatching(/\w+ \w+/) })
    },
  )

  test('retries say how long at least, nothing else does', () => {
    for (const code of classes.retry) expect(ruleFor(code)?.afterMs).toBeGreaterThanOrEqual(1_000)
    for (const code of [...classes.wait, ...classes.never, ...classes.template]) {
      expect(ruleFor(code)?.afterMs).toBe(0)
    }
  })

  test('"try again" is offered for retry and wait only', () => {
    for (const [name, codes] of Object.entries(classes)) {
      for (const code of codes) expect(isRetryable(ruleFor(code))).toBe(name === 'retry' || name === 'wait')
    }
    expect(isRetryable(undefined)).toBe(false)
  })

  test('a limit of the number backs off the number, a limit of the pair only the pair', () => {
    for (const code of [4, 80007, 130429, 131057]) expect(ruleFor(code)?.scope).toBe('channel')
    expect(ruleFor(131056)?.scope).toBe('pair')
    for (const code of [2, 131000, 131016]) expect(ruleFor(code)?.scope).toBe('message')
  })

  test('configuration stops the channel, except where it hinders one recipient or one kind of message', () => {
    const exceptions = new Set([131030, 131063, 134011, 134102, 2388019])
    for (const code of classes.configuration) expect(ruleFor(code)?.stopsChannel).toBe(!exceptions.has(code))
  })

  test('100 with subcode 33 says that the number itself is not there', () => {
    expect(ruleFor(100, 33)?.stopsChannel).toBe(true)
    expect(ruleFor(100, 34)?.class).toBe('never')
  })

  test('a code that nobody documented has no rule', () => {
    for (const code of [-1, 199, 300, 5, 999_999, 131200, 131216]) expect(ruleFor(code)).toBeUndefined()
  })
})
