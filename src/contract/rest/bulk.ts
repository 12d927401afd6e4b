import { z } from 'zod'
import type { ErrorBody } from '../errors.ts'

/** Ids of records of one bulk action, at most so many; each counts once. */
export const bulkIds = (most: number) =>
  z
    .array(z.int32().positive())
    .min(1)
    .max(most)
    .transform((ids) => [...new Set(ids)])

/** What came of one record of a bulk action: its version afterwards, or why nothing was done to it. */
export type BulkResult =
  | { readonly id: number; readonly ok: true; readonly version: number }
  | { readonly id: number; readonly ok: false; readonly error: ErrorBody }
