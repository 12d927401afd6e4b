import { z } from 'zod'
import { templateView } from '../channel.ts'

/** A template with what is needed to show it and fill it in; events carry the short form. */
export const templateDetail = templateView.extend({
  /** Header, body, footer and buttons in the network's form; null until they were read. */
  components: z.array(z.unknown()).nullable(),
  /** Further words of the network: `parameterFormat`, a coming category, why it was rejected or paused. */
  detail: z.record(z.string(), z.unknown()),
})
export type TemplateDetail = z.infer<typeof templateDetail>

/** Beside `limit` and `cursor`: filters of GET /api/v1/templates. */
export const templateFilters = {
  channel: z.uuid().optional(),
  /** The network's word: APPROVED, PENDING, REJECTED, PAUSED … */
  status: z
    .string()
    .regex(/^[A-Z_]{1,40}$/, 'expected a state in capitals')
    .optional(),
  /** A part of the name. */
  q: z.string().trim().min(1).max(200).optional(),
}
