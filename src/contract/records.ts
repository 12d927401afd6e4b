import { z } from 'zod'
import { identityView } from './conversation.ts'
import { customFields } from './crm/record.ts'

export const roles = ['viewer', 'agent', 'manager', 'admin'] as const
export const role = z.enum(roles)
export type Role = z.infer<typeof role>

export const contactView = z.strictObject({
  id: z.number().int(),
  customerId: z.number().int().nullable(),
  /** What people call them: what somebody wrote, else the network's profile name, else the best address. */
  name: z.string(),
  firstName: z.string(),
  lastName: z.string().nullable(),
  email: z.string().nullable(),
  phone: z.string().nullable(),
  title: z.string().nullable(),
  isPrimary: z.boolean(),
  isGroup: z.boolean(),
  language: z.string().nullable(),
  timezone: z.string().nullable(),
  blocked: z.boolean(),
  marketing: z.enum(['granted', 'denied']).nullable(),
  identities: z.array(identityView),
  /** Facts of former times do not have them. */
  customFields: customFields.default({}),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  deletedAt: z.iso.datetime().nullable(),
  version: z.number().int(),
})
export type ContactView = z.infer<typeof contactView>

export const userView = z.strictObject({
  id: z.uuid(),
  email: z.string().nullable(),
  name: z.string(),
  role,
  status: z.enum(['active', 'disabled']),
  platformUserId: z.number().int().nullable(),
  version: z.number().int(),
})
export type UserView = z.infer<typeof userView>

export const tenantView = z.strictObject({
  id: z.uuid(),
  slug: z.string(),
  name: z.string(),
  status: z.enum(['active', 'suspended']),
  /** IANA name; facts of former times do not say it. */
  timeZone: z.string().optional(),
  /** BCP 47; facts of former times do not say it. */
  locale: z.string().optional(),
})
