import { z } from 'zod'

/** What every record of the CRM has beside its own fields. */
export const recordBase = {
  id: z.number().int(),
  /** Rises with every change; the ETag. */
  version: z.number().int(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  /** When it was deleted; null while it is there. */
  deletedAt: z.iso.datetime().nullable(),
}

/** Values of a tenant's own fields, by the key of their definition. */
export const customFields = z.record(z.string(), z.unknown())

/** A day without a time, `YYYY-MM-DD`. */
export const day = z.iso.date()
