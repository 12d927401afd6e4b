import { expect, test } from 'vitest'
import { UsageError } from './failure.ts'
import { nearest } from './nearest.ts'
import { count, duration, upTo } from './options.ts'

test('a count has a least and a most', () => {
  const read = count(1, 100)
  expect([read('1'), read('100')]).toEqual([1, 100])
  for (const text of ['0', '101', '-1', '1.5', '1e1', 'x', '']) expect(() => read(text)).toThrow(UsageError)
})

test('a text has a most', () => {
  expect(upTo(3)('abc')).toBe('abc')
  expect(() => upTo(3)('abcd')).toThrow('at most 3 characters')
})

test.each([
  ['90s', 90],
  ['30m', 1800],
  ['1h', 3600],
  ['7d', 604_800],
])('%s is %d seconds', (text, seconds) => expect(duration(text)).toBe(seconds))

test.each(['', '0s', '1', 'h', '1.5h', '-1h', '1H', '1h30m', '1234567s', '1w'])(
  '%j is no length of time',
  (text) => expect(() => duration(text)).toThrow(UsageError),
)

test.each([
  ['--rol', '--role'],
  ['--tennant', '--tenant'],
  ['--xyz', undefined],
  ['--n', undefined],
])('by %s %s is meant', (word, meant) =>
  expect(nearest(word, ['--role', '--tenant', '--name', '--json', '--help'])).toBe(meant),
)
