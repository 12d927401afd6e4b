import { z } from 'zod'

/** GET /health: the process turns. */
export const healthView = z.strictObject({ status: z.literal('ok') })

/** GET /ready: whether it should get requests, and what it looked at. */
export const readinessView = z.strictObject({
  status: z.enum(['ready', 'degraded', 'not_ready']),
  checks: z.strictObject({
    database: z.enum(['ok', 'away', 'unsafe']),
    /** `behind`: migrations are missing. */
    schema: z.enum(['ok', 'behind', 'unknown']),
    redis: z.enum(['ok', 'away']),
    draining: z.boolean(),
  }),
})
