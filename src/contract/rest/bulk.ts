import { z } from 'zod'
import { errorBody } from '../error-body.ts'

/** Ids of records of one bulk action, at most so many; each counts once. */
export const bulkIds = (most: number) =>
  z
    .array(z.int32().positive())
    .min(1)
    .max(most)
    .transform((ids) => [...new Set(ids)])

/** What came of one record of a bulk action: its version afterwards, or why nothing was done to it. */
export const bulkResult = z.discriminatedUnion('ok', [
  z.strictObject({ id: z.number().int(), ok: z.literal(true), version: z.number().int() }),
  z.strictObject({ id: z.number().int(), ok: z.literal(false), error: errorBody }),
])
export type BulkResult = z.infer<typeof bulkResult>
