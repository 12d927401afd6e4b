import { z } from 'zod'
import { conversationView } from '../conversation.ts'
import { customerView } from '../crm/customer.ts'
import { dealView } from '../crm/deal.ts'
import { pipelineStageView, pipelineView } from '../crm/pipeline.ts'
import { tagView } from '../crm/tag.ts'
import { positionText } from '../position.ts'
import { contactView, userView } from '../records.ts'

/** What records refer to, each once: of what `include` names, what its reader may see. */
const included = z.strictObject({
  users: z.array(userView).optional(),
  tags: z.array(tagView).optional(),
  customers: z.array(customerView).optional(),
  contacts: z.array(contactView).optional(),
  pipelines: z.array(pipelineView).optional(),
  stages: z.array(pipelineStageView).optional(),
  deals: z.array(dealView).optional(),
  conversations: z.array(conversationView).optional(),
})

/** One record; `included` is there when it was asked for. */
export const recordAnswer = <View extends z.ZodType>(view: View) =>
  z.strictObject({ data: view, included: included.optional() })

/**
 * A page of records, as they were at `position`: events after it are news. It may be short, or empty, and still have a
 * `nextCursor`: what it went over did not fit.
 */
export const recordPage = <View extends z.ZodType>(view: View) =>
  z.strictObject({
    data: z.array(view),
    nextCursor: z.string().nullable(),
    position: positionText,
    included: included.optional(),
  })
