import { z } from 'zod'
import { customFields, recordBase } from './record.ts'

export const customerStatuses = ['lead', 'prospect', 'active', 'inactive'] as const

export const customerView = z.strictObject({
  ...recordBase,
  name: z.string(),
  email: z.string().nullable(),
  /** E.164. */
  phone: z.string().nullable(),
  company: z.string().nullable(),
  website: z.string().nullable(),
  address: z.string().nullable(),
  status: z.enum(customerStatuses),
  source: z.string().nullable(),
  ownerId: z.uuid().nullable(),
  customFields,
  /** Ids of its tags, ascending; also of those that were deleted and may come back. */
  tags: z.array(z.number().int()),
})
export type CustomerView = z.infer<typeof customerView>
