import { z } from 'zod'
import { recordBase } from './record.ts'

export const activityTypes = ['task', 'call', 'meeting', 'email', 'message'] as const
export const activityStatuses = ['open', 'done', 'cancelled'] as const
export const activityPriorities = ['low', 'normal', 'high', 'urgent'] as const

export const activityView = z.strictObject({
  ...recordBase,
  type: z.enum(activityTypes),
  subject: z.string(),
  description: z.string().nullable(),
  dueAt: z.iso.datetime().nullable(),
  /** When its assignee wants to be reminded. */
  remindAt: z.iso.datetime().nullable(),
  /** When that reminder was given; null before, and again after `remindAt` moved. */
  remindedAt: z.iso.datetime().nullable(),
  priority: z.enum(activityPriorities),
  status: z.enum(activityStatuses),
  /** Since when it is done; null unless it is. */
  completedAt: z.iso.datetime().nullable(),
  /** What came of it. */
  outcome: z.string().nullable(),
  assigneeId: z.uuid().nullable(),
  customerId: z.number().int().nullable(),
  contactId: z.number().int().nullable(),
  dealId: z.number().int().nullable(),
  conversationId: z.uuid().nullable(),
})
export type ActivityView = z.infer<typeof activityView>
