import { z } from 'zod'
import { activityPriorities, activityStatuses, activityTypes } from '../crm/activity.ts'
import { instant, line, optionalLine, ownerId } from './record-input.ts'

const moment = instant.nullable()
const recordId = z.int32().positive().nullable()
const outcome = optionalLine(2000)

/** POST and PUT: a whole activity. What is left out is empty, and it is open. */
export const wholeActivity = z.strictObject({
  type: z.enum(activityTypes),
  subject: line(255),
  description: optionalLine(10_000).default(null),
  dueAt: moment.default(null),
  remindAt: moment.default(null),
  priority: z.enum(activityPriorities).default('normal'),
  status: z.enum(activityStatuses).default('open'),
  /** Only of one that is done; now when left out. */
  completedAt: moment.default(null),
  outcome: outcome.default(null),
  assigneeId: ownerId.default(null),
  customerId: recordId.default(null),
  contactId: recordId.default(null),
  dealId: recordId.default(null),
  conversationId: z.uuid().toLowerCase().nullable().default(null),
})

/** PATCH: what is to change. */
export const activityPart = z.strictObject({
  type: z.enum(activityTypes).optional(),
  subject: line(255).optional(),
  description: optionalLine(10_000).optional(),
  dueAt: moment.optional(),
  remindAt: moment.optional(),
  priority: z.enum(activityPriorities).optional(),
  status: z.enum(activityStatuses).optional(),
  completedAt: moment.optional(),
  outcome: outcome.optional(),
  assigneeId: ownerId.optional(),
  customerId: recordId.optional(),
  contactId: recordId.optional(),
  dealId: recordId.optional(),
  conversationId: z.uuid().toLowerCase().nullable().optional(),
})

/** POST /admin/activities/:id/complete. */
export const completeActivityBody = z.strictObject({ outcome: outcome.optional() })

/**
 * What of somebody's open activities GET /admin/me/activities shows. Each one with a due date is in exactly one: its time is
 * over; it comes before the end of the tenant's day; it comes later.
 */
export const dueWhen = ['overdue', 'today', 'upcoming'] as const
