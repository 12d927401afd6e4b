import { z } from 'zod'
import { catalogue } from './catalogue.ts'
import { actorView } from './define.ts'

/** An event as it comes over the wire, over the socket and from GET /api/v1/events; one shape for each type. */
export const wireEvents = catalogue.map(({ type, data }) =>
  z.strictObject({
    /** Its number in the tenant's log. */
    seq: z.number().int(),
    epoch: z.number().int(),
    type: z.literal(type),
    /** When it was committed. */
    at: z.iso.datetime(),
    actor: actorView,
    data: data as z.ZodType,
  }),
)

/** Any of them. */
export const wireEvent = z.union(wireEvents)
