import { z } from 'zod'

/** GET /api/webhooks/whatsapp: what Meta asks when somebody writes our address into its form. */
export const challengeQuery = {
  'hub.mode': z.literal('subscribe'),
  'hub.verify_token': z.string().min(1),
  /** Comes back as it is. */
  'hub.challenge': z.string().regex(/^[\x21-\x7e]{1,256}$/),
}

/** What a network is told: it is stored. */
export const receivedView = z.strictObject({ received: z.literal(true) })
