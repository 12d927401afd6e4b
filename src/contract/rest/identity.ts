import { z } from 'zod'
import { role, userView } from '../records.ts'

export const tenantFacts = z.strictObject({ id: z.uuid(), slug: z.string(), name: z.string() })

/** Who is there: a user, or a key under its own name. */
export const callerView = z.strictObject({
  id: z.uuid(),
  email: z.string().nullable(),
  name: z.string(),
  role,
  platformUserId: z.number().int().nullable(),
})
export type CallerView = z.infer<typeof callerView>

/** GET /admin/me. */
export const meView = z.strictObject({
  user: callerView,
  tenant: tenantFacts,
  /** What the caller may do at all, by name of the action. */
  permissions: z.array(z.string()),
})

/** POST /api/auth/validate: the credential may come as bearer, as cookie or in the body. */
export const validateRequest = z.strictObject({ token: z.string().min(1).max(8192).optional() })
export const validateView = z.strictObject({
  valid: z.literal(true),
  user: callerView,
  tenant: tenantFacts,
  /** null for a key that never ends. */
  expiresAt: z.iso.datetime().nullable(),
})

/** GET /api/users/:id/crm-profile, `:id` being the platform's user id. */
export const crmProfileView = z.strictObject({ user: userView, tenant: tenantFacts })

/** Filters of GET /admin/users, beside `limit` and `cursor`. */
export const userFilters = {
  role: role.optional(),
  status: z.enum(['active', 'disabled']).optional(),
}
