import { z } from 'zod'

/** One thing. */
export const dataOf = <T extends z.ZodType>(data: T) => z.strictObject({ data })

/** A page of a list; `nextCursor` is null on the last one. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ data: z.array(item), nextCursor: z.string().nullable() })
