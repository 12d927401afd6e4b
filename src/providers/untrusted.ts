/**
 * Readers for JSON that somebody else wrote: every field may be missing, null, empty or of another type. They return undefined
 * instead of throwing, look at own properties only (a body may hold `__proto__`), and clean every string that leaves them.
 */
export type Untrusted = Readonly<Record<string, unknown>>

/** Nesting below this is replaced by a mark: Postgres and JSON.stringify both recurse. Real bodies stay below 15. */
const deepestLevel = 32

/** Text that PostgreSQL stores: no NUL, no lone surrogates (they become U+FFFD). */
export function clean(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}

/** The object, when it is one and no array. */
export function recordOf(value: unknown): Untrusted | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Untrusted)
    : undefined
}

/** The list; empty when it is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** An own field of a record, never something inherited. */
export function field(record: Untrusted | undefined, name: string): unknown {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined
}

/** A field as a record. */
export function inner(record: Untrusted | undefined, name: string): Untrusted | undefined {
  return recordOf(field(record, name))
}

/** A field as a non-empty, clean string; a number becomes its decimal form (ids come as both). */
export function textIn(record: Untrusted | undefined, name: string): string | undefined {
  return textOf(field(record, name))
}

export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value !== 'string') return undefined
  const text = clean(value)
  return text === '' ? undefined : text
}

/** A field as a finite number; a numeric string counts. */
export function numberIn(record: Untrusted | undefined, name: string): number | undefined {
  const value = field(record, name)
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const parsed = Number(value)
  return Number.isFinite(parsed) ? parsed : undefined
}

export function flagIn(record: Untrusted | undefined, name: string): boolean | undefined {
  const value = field(record, name)
  return typeof value === 'boolean' ? value : undefined
}

/** Unix seconds as a string or an integer. Thirteen digits are taken for milliseconds, which some senders write. */
export function instantOf(value: unknown): Date | undefined {
  const text = textOf(value)
  if (text === undefined || !/^\d{1,16}(\.\d+)?$/.test(text)) return undefined
  const number = Number(text)
  if (number <= 0) return undefined
  const instant = new Date(number >= 100_000_000_000 ? number : number * 1_000)
  return instant.getTime() < latestInstantMs ? instant : undefined
}
const latestInstantMs = Date.UTC(2200, 0, 1)

/** Digits of a telephone number, without "+", spaces, dashes and brackets; undefined when something else is in it. */
export function digitsOf(value: unknown): string | undefined {
  const digits = textOf(value)?.replaceAll(/[+\s().-]/g, '')
  return digits !== undefined && /^\d{3,20}$/.test(digits) ? digits : undefined
}

/** SHA-256 as 64 lower-case hex digits, from hex or base64; undefined for a form that is neither. */
export function sha256Of(value: unknown): string | undefined {
  const text = textOf(value)
  if (text === undefined) return undefined
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase()
  const bytes = /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined
  return bytes?.byteLength === 32 ? bytes.toString('hex') : undefined
}

/** A MIME type without parameters, lower-case. */
export function mimeTypeOf(value: unknown): string {
  const bare = textOf(value)?.split(';')[0]?.trim().toLowerCase()
  return bare !== undefined && /^[\w.+-]+\/[\w.+-]+$/.test(bare) ? bare : 'application/octet-stream'
}

/** A copy that can be stored as JSON: clean strings and keys, no `__proto__`, bounded depth. */
export function storable(value: unknown, level = 0): unknown {
  if (typeof value === 'string') return clean(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'undefined' ? null : value
  if (level >= deepestLevel) return '[nested too deeply]'
  if (Array.isArray(value)) return value.map((item) => storable(item, level + 1))
  return storableRecord(value as Untrusted, level)
}

/** `storable` for a record; an empty one when the value is no record. */
export function storableRecord(value: unknown, level = 0): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(recordOf(value) ?? {})) {
    if (key !== '__proto__' && item !== undefined) copy[clean(key)] = storable(item, level + 1)
  }
  return copy
}

/** The same record without the fields that are undefined, so that optional fields stay absent. */
export function present<T extends Record<string, unknown>>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
