import { expect, test } from 'vitest'
import { leadsOf, mixedTerms } from './mixed-terms.ts'

test.each([
  ['Ravi 98765', 'Ravi', ['98765']],
  ['098765 43210 sharma, Ravi', 'sharma Ravi', ['098765 43210']],
  ['a 0171 / 555-01 b +49(0)30', 'a b', ['0171 / 555-01', '+49(0)30']],
  ['Flat 12 of 4711', 'Flat of 12', ['4711']],
  ['unit 2026-01-01', 'unit', ['2026-01-01']],
  ['room 1 2 3', 'room', ['1 2 3']],
])('[CRM14] %s is %s and %j', (q, name, numbers) => {
  const terms = mixedTerms(q)
  expect(terms?.name).toBe(name)
  expect(terms?.numbers.map(({ whole }) => whole)).toEqual(numbers)
})

test.each([
  '',
  'Ravi',
  'ravi@example.org',
  '98765 43210',
  '+49 (0)171',
  'flat 12',
  'b2b',
  '12 -',
  'x (1)',
  '— 5',
])('[CRM14] %j is a name or a number alone', (q) => {
  expect(mixedTerms(q)).toBeNull()
})

test.each([
  // What is looked up must be in whatever has the whole number, so nothing that may only be dialled.
  ['Ravi 098765 43210', ['43210', 'Ravi']],
  ['Ravi 098765', ['098765', 'Ravi']],
  ['Ravi (011) 98765-4321', ['98765-4321', 'Ravi']],
  ['Ravi (011) 12', ['Ravi']],
  ['Ravi 919', ['Ravi', '919']],
  ['12345 Ravi 678901', ['678901', 'Ravi']],
])('[CRM14] %s is looked up by %j', (q, leads) => {
  const terms = mixedTerms(q)
  expect(terms && leadsOf(terms)).toEqual(leads)
})
