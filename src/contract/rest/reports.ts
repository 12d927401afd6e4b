import { z } from 'zod'
import { customerStatuses } from '../crm/customer.ts'
import { day } from '../crm/record.ts'

const conversationStatuses = ['open', 'pending', 'snoozed', 'resolved'] as const

const reportDay = day.refine((text) => text >= '1900-01-01', 'out of range')

/** GET /admin/reports/overview. Without `from` the month of `to`; without `to` up to today. */
export const overviewQuery = { from: reportDay.optional(), to: reportDay.optional() }

const number = z.number().int()
const money = z.array(z.strictObject({ currency: z.string(), valueMinor: z.number() }))
/** How many, and what they are worth; by currency, since nothing is converted. */
const worth = { count: number, value: money }

/** What each figure counts is defined in docs/metrics-definitions.md. */
export const overview = z.strictObject({
  period: z.strictObject({
    /** First and last day, in the tenant's time zone. */
    from: day,
    to: day,
    timeZone: z.string(),
    /** The moment the first day begins, and that the day after the last one does. */
    startsAt: z.iso.datetime(),
    endsAt: z.iso.datetime(),
  }),
  customers: z.strictObject({ byStatus: z.record(z.enum(customerStatuses), number), created: number }),
  conversations: z.strictObject({
    byStatus: z.record(z.enum(conversationStatuses), number),
    opened: number,
    firstResponse: z.strictObject({
      answered: number,
      waiting: number,
      medianSeconds: z.number().nullable(),
      p90Seconds: z.number().nullable(),
    }),
  }),
  messages: z.strictObject({ in: number, out: number }),
  deals: z.strictObject({
    openByStage: z.array(
      z.strictObject({ pipelineId: number, stageId: number, stage: z.string(), ...worth }),
    ),
    won: z.strictObject(worth),
    lost: z.strictObject(worth),
    /** Won of those that were closed, 0 to 1; null when none was. */
    winRate: z.number().nullable(),
    timeInStage: z.array(
      z.strictObject({
        pipelineId: number,
        stageId: number,
        stage: z.string(),
        left: number,
        averageSeconds: z.number(),
      }),
    ),
  }),
  activities: z.strictObject({ due: number, overdue: number, done: number }),
})
export type Overview = z.infer<typeof overview>
