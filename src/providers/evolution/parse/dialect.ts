import { clean, field, recordOf, type Untrusted } from '../../untrusted.ts'

/**
 * Readers for the three ways in which versions of the server write the same protobuf message (evolution-api.md
 * section 7): bytes as base64 text or as an index object, 64-bit integers as text, number or {low, high, unsigned},
 * enums as names or numbers. All of them answer undefined for what they cannot read; none of them throws.
 */

export function isRecord(value: unknown): value is Untrusted {
  return recordOf(value) !== undefined
}

export function isTrue(record: Untrusted | undefined, name: string): boolean {
  return field(record, name) === true
}

/** A 64-bit integer in any dialect, as a number (they are sizes and times, far below 2^53). */
export function long(value: unknown): number | undefined {
  if (typeof value === 'number')
    return Number.isSafeInteger(Math.trunc(value)) ? Math.trunc(value) : undefined
  if (typeof value === 'string') return /^-?\d{1,15}$/.test(value) ? Number(value) : undefined
  const record = recordOf(value)
  const low = field(record, 'low')
  const high = field(record, 'high')
  if (typeof low !== 'number' || typeof high !== 'number') return undefined
  const whole = high * 2 ** 32 + (low >>> 0)
  return Number.isSafeInteger(whole) ? whole : undefined
}

/** Hashes and keys are 32 bytes; anything much longer is a picture that we do not want to walk. */
const mostBytes = 256

/** Short binary values in any dialect; undefined for long ones, which are thumbnails and never kept. */
export function bytes(value: unknown): Buffer | undefined {
  if (typeof value === 'string') {
    const base64 = value.length <= mostBytes * 2 && /^[A-Za-z0-9+/_-]+={0,2}$/.test(value)
    return base64 ? Buffer.from(value, 'base64') : undefined
  }
  if (Array.isArray(value)) return fromNumbers(value)
  const record = recordOf(value)
  if (field(record, 'type') === 'Buffer') {
    const data = field(record, 'data')
    return recordOf(data) === undefined ? bytes(data) : undefined
  }
  const numbers: unknown[] = []
  for (let index = 0; index <= mostBytes; index += 1) {
    const byte = field(record, String(index))
    if (byte === undefined) break
    numbers.push(byte)
  }
  return fromNumbers(numbers)
}

function fromNumbers(numbers: readonly unknown[]): Buffer | undefined {
  if (numbers.length === 0 || numbers.length > mostBytes) return undefined
  const whole = numbers.filter((n) => typeof n === 'number' && Number.isInteger(n) && n >= 0 && n <= 255)
  return whole.length === numbers.length ? Buffer.from(whole as number[]) : undefined
}

/** The name of an enum value that came as a name or as a number; undefined when it is neither. */
export function enumName<N extends string>(
  value: unknown,
  names: Readonly<Record<N, number>>,
): N | undefined {
  return (Object.keys(names) as N[]).find((name) => value === name || value === names[name])
}

const left = new Set([
  'base64',
  'jpegThumbnail',
  'thumbnail',
  'messageContextInfo',
  'apikey',
  'api_key',
  '__proto__',
])

/**
 * A small clean copy of a part of a body, for `raw`: no pictures, no credentials, no index objects, about 1000 values
 * and 12 levels at most. Strings are cut at 4096 characters.
 */
export function excerpt(value: unknown): unknown {
  let budget = 1_000
  const copy = (part: unknown, levels: number): unknown => {
    budget -= 1
    if (typeof part === 'string') return clean(part.slice(0, 4_096))
    if (typeof part === 'number' || typeof part === 'boolean') return part
    if (typeof part !== 'object' || part === null) return null
    if (levels === 0 || budget <= 0) return null
    if (Array.isArray(part)) return part.slice(0, 50).map((item) => copy(item, levels - 1))
    if (typeof field(part as Untrusted, '0') === 'number') return null
    const kept: Record<string, unknown> = {}
    for (const name in part) {
      if (budget <= 0) break
      const key = clean(name)
      if (!left.has(key)) kept[key] = copy(field(part as Untrusted, name), levels - 1)
    }
    return kept
  }
  return copy(value, 12)
}
