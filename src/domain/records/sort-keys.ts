import { z } from 'zod'

/** What a list can be sorted by, as Postgres calls it. */
export type SortType = 'timestamptz' | 'date' | 'bigint' | 'integer' | 'text'

const endless = z.literal('infinity')
/** Columns have no year 0, and zod does. */
const inYears = (text: string): boolean => !text.startsWith('0000')
const iso = z.iso.datetime()

/** A moment as answers show it, that a column can have. */
export const isoInstant = iso.refine(inYears)

const instantText = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$/)
  .refine((text) => inYears(text) && iso.safeParse(text.replace(' ', 'T').replace('+00', 'Z')).success)

/**
 * Values of sort keys as a cursor brings them: what the database writes for a value of that type (sessions are in UTC), and
 * nothing that it could not read back. Whoever knows how cursors are made can put anything into one.
 */
export const sortKeys: Readonly<Record<SortType, z.ZodType<string>>> = {
  timestamptz: z.union([instantText, endless]),
  date: z.union([z.iso.date().refine(inYears), endless]),
  bigint: z.string().regex(/^-?\d{1,18}$/),
  integer: z
    .string()
    .regex(/^-?\d{1,10}$/)
    .refine((text) => z.int32().safeParse(Number(text)).success),
  text: z.string().refine((text) => !text.includes('\0')),
}
