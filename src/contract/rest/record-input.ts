import { z } from 'zod'

/** Text of one record field: without zero characters, and without the blanks around it. */
export const line = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .refine((text) => !text.includes('\0'), 'must not hold a zero character')

/** null and blank text are nothing. */
export const optionalLine = (most: number) =>
  z
    .string()
    .trim()
    .max(most)
    .refine((text) => !text.includes('\0'), 'must not hold a zero character')
    .nullable()
    .transform((text) => (text === '' ? null : text))

export const optionalEmail = z.email().max(254).nullable()

/** Without the `(0)` of `+49 (0)171 …`, which is dialled within the country alone; in Italy it is part of the number. */
export function withoutTrunkZero(phone: string): string {
  const at = phone.indexOf(trunkZero)
  const before = phone.slice(0, Math.max(at, 0)).trim()
  if (at === -1 || !/^\+?[\d\s.-]*$/.test(before) || /^\+?\s*39/.test(before)) return phone
  return phone.slice(0, at) + phone.slice(at + trunkZero.length)
}
const trunkZero = '(0)'

/** With "+" and country code; blanks, dots, dashes and brackets between the digits are taken out. */
export const optionalPhone = z
  .string()
  .max(40)
  .transform((text) => withoutTrunkZero(text).replaceAll(/[\s().-]/g, ''))
  .pipe(
    z.string().regex(/^\+[1-9]\d{5,14}$/, 'expected a number with "+" and country code, such as +4917012345'),
  )
  .nullable()

export const optionalUrl = z
  .url({ protocol: /^https?$/ })
  .max(500)
  .nullable()

const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'))
export const currencyCode = z
  .string()
  .refine((code) => currencies.has(code), 'expected an ISO 4217 code such as EUR')

/** A user of the tenant; null is nobody. */
export const ownerId = z.uuid().toLowerCase().nullable()

const [firstInstant, lastInstant] = [Date.UTC(1900, 0), Date.UTC(10_000, 0)]

/** A moment in any zone, of the years 1900 to 9999; as UTC text with milliseconds, as records show it. */
export const instant = z.iso
  .datetime({ offset: true })
  .refine((text) => !(Date.parse(text) < firstInstant || Date.parse(text) >= lastInstant), 'out of range')
  .transform((text) => new Date(text).toISOString())

/** A name of the time zone database, an old one or a new one; no bare offset. */
export const timeZoneName = z
  .string()
  .max(64)
  .refine(isTimeZone, 'expected a time zone such as Europe/Berlin')

/** Tried and not looked up: Intl.supportedValuesOf lists one name of each zone, often the old one (Asia/Calcutta). */
function isTimeZone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }).format() !== ''
  } catch {
    return false
  }
}
