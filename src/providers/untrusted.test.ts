import { describe, expect, test } from 'vitest'
import {
  digitsOf,
  field,
  instantOf,
  mimeTypeOf,
  numberIn,
  recordOf,
  sha256Of,
  storable,
  textOf,
} from './untrusted.ts'

describe('reading what somebody else wrote', () => {
  test('text is cleaned, numbers become text, empty is nothing', () => {
    expect(textOf('a\0b\ud83c')).toBe('ab\ufffd')
    expect(textOf(1689556908129832)).toBe('1689556908129832')
    for (const nothing of ['', '\0', null, undefined, {}, [], true, Number.NaN])
      expect(textOf(nothing)).toBeUndefined()
  })

  test('only own fields count', () => {
    const record = recordOf(JSON.parse('{"__proto__": {"a": 1}, "b": 2}'))
    expect(field(record, 'b')).toBe(2)
    expect(field(record, 'toString')).toBeUndefined()
    expect(field(recordOf({}), '__proto__')).toBeUndefined()
  })

  test('numbers come as numbers or text', () => {
    expect(numberIn({ a: '12.5' }, 'a')).toBe(12.5)
    for (const nothing of ['', ' ', 'x', '1e999', null, {}])
      expect(numberIn({ a: nothing }, 'a')).toBeUndefined()
  })

  test('instants are unix seconds, or thirteen digits of milliseconds', () => {
    const noon = new Date('2026-07-01T12:00:00Z')
    expect(instantOf('1782907200')).toEqual(noon)
    expect(instantOf(1782907200)).toEqual(noon)
    expect(instantOf('1782907200000')).toEqual(noon)
    for (const nothing of ['0', 0, -5, '', 'soon', '99999999999999', 1e300, null]) {
      expect(instantOf(nothing)).toBeUndefined()
    }
  })

  test('digits lose their dress', () => {
    expect(digitsOf('+1 (555) 078-3881')).toBe('15550783881')
    for (const nothing of ['US.134912', '12', '', null, '1'.repeat(21)])
      expect(digitsOf(nothing)).toBeUndefined()
  })

  test('a hash is hex whatever it was', () => {
    const hex = '3f9d94d399fa61c191bc1d4ca71375a035cd9b9f5b1128e1f0963a415c16b0cc'
    expect(sha256Of(hex.toUpperCase())).toBe(hex)
    expect(sha256Of(Buffer.from(hex, 'hex').toString('base64'))).toBe(hex)
    for (const nothing of ['4654+8g=', 'a1b2c3d4e5f6...', '', 5]) expect(sha256Of(nothing)).toBeUndefined()
  })

  test('a MIME type is bare, or unknown', () => {
    expect(mimeTypeOf('Audio/OGG; codecs=opus')).toBe('audio/ogg')
    for (const odd of [undefined, '', 'jpeg', 'a/b/c', 'text/html\r\nx: y']) {
      expect(mimeTypeOf(odd)).toBe('application/octet-stream')
    }
  })

  test('what is kept raw can be stored: clean, shallow enough, without __proto__', () => {
    const kept = storable(JSON.parse('{"__proto__": {"a": 1}, "x\\u0000": ["\\ud800", null, {"y": true}]}'))
    expect(kept).toEqual({ x: ['\ufffd', null, { y: true }] })
    expect(Object.getPrototypeOf(kept)).toBe(Object.prototype)
    let deep: unknown = 1
    for (let level = 0; level < 10_000; level += 1) deep = [deep]
    expect(JSON.stringify(storable(deep))).toContain('nested too deeply')
  })
})
