import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyBetween, keysBetween } from './board-order.ts'

describe('[DEAL8] keys of a board', () => {
  test('keys at the ends count up and down, and stay short', () => {
    expect(keyBetween(null, null)).toBe('a0')
    expect([keyBetween('a0', null), keyBetween('az', null), keyBetween('bzz', null)]).toEqual([
      'a1',
      'b00',
      'c000',
    ])
    expect([keyBetween(null, 'a0'), keyBetween(null, 'Z0'), keyBetween(null, 'Y00')]).toEqual([
      'Zz',
      'Yzz',
      'Xzzz',
    ])
    expect([keyBetween('Zz', null), keyBetween('Yzz', null)]).toEqual(['a0', 'Z0'])
    for (const way of [1, -1]) {
      let key = 'a0'
      for (let i = 0; i < 100_000; i++) key = way === 1 ? keyBetween(key, null) : keyBetween(null, key)
      expect(key.length).toBe(4)
    }
  })

  test('a key fits between any two, wherever they came from', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 200 }), (choices) => {
        const keys: string[] = []
        for (const choice of choices) {
          const at = choice % (keys.length + 1)
          const key = keyBetween(keys[at - 1] ?? null, keys[at] ?? null)
          keys.splice(at, 0, key)
        }
        expect(keys).toEqual([...new Set(keys)].sort())
      }),
    )
  })

  test('always in the same gap a key grows by one digit in about six steps', () => {
    let [lower, upper] = ['a0', 'a1']
    for (let i = 0; i < 300; i++) {
      const key = keyBetween(lower, upper)
      if (i % 2 === 0) lower = key
      else upper = key
    }
    expect(lower.length).toBeLessThan(120)
  })

  test('many keys at once are in order, inside their ends and short', () => {
    for (const [lower, upper] of [
      [null, null],
      ['a0', null],
      [null, 'a0'],
      ['a0', 'a1'],
      ['a0V', 'a0W'],
      ['Zz', 'b00'],
    ] as const)
      for (const count of [0, 1, 2, 3, 62, 1000]) {
        const keys = keysBetween(lower, upper, count)
        expect(keys.length).toBe(count)
        expect([lower ?? '', ...keys, upper ?? '{']).toEqual([lower ?? '', ...keys, upper ?? '{'].sort())
        expect(new Set([lower, ...keys, upper]).size).toBe(count + (lower === null && upper === null ? 1 : 2))
        expect(Math.max(0, ...keys.map((key) => key.length))).toBeLessThanOrEqual(8)
      }
  })

  test('two ends in the wrong order are refused', () => {
    expect(() => keyBetween('a1', 'a1')).toThrow(RangeError)
    expect(() => keyBetween('a1', 'a0')).toThrow(RangeError)
  })
})
