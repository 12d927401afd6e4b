import { z } from 'zod'
import { type TenantLimits, tenantSettings } from '../access.ts'

/** A tenant in the list of GET /operator/tenants. */
export const tenantSummary = tenantSettings.pick({
  id: true,
  slug: true,
  name: true,
  status: true,
  createdAt: true,
})

const limit = z.int().min(0).max(1_000_000).nullable().optional()

/** PATCH /operator/tenants/:id. null: as many as the installation gives to all. */
export const tenantLimitsPatch = z.strictObject({
  limits: z.strictObject({
    users: limit,
    teams: limit,
    keys: limit,
    channels: limit,
  } satisfies Record<keyof TenantLimits, z.ZodType>),
})
