import { z } from 'zod'

/** One setting: its shape with default, its unit where it has one, and a sentence for people. */
export interface Setting<T extends z.ZodType = z.ZodType> {
  readonly schema: T
  readonly unit?: string
  readonly doc: string
  /** May also be given as `NAME_FILE`, the path of a file with the value. Never printed. */
  readonly secret?: true
}

export function setting<T extends z.ZodType>(
  schema: T,
  doc: string,
  more: { unit?: string; secret?: true } = {},
): Setting<T> {
  return { schema, doc, ...more }
}

/** Where requests go. */
export const webAddress = () =>
  z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
/** A whole number with its standard, least and most. */
export const count = (standard: number, least = 1, most = 1_000_000_000) =>
  z.coerce
    .number('must be a whole number')
    .int('must be a whole number')
    .min(least, `must be ${least} at least`)
    .max(most, `must be ${most} at most`)
    .default(standard)
/** Words, comma-separated. */
export const list = (standard: string[]) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .default(standard)
export const text = () => z.string().min(1)
