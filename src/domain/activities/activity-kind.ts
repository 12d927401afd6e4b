import { z } from 'zod'
import {
  type ActivityView,
  activityView,
  activityPriorities,
  activityStatuses,
  activityTypes,
} from '../../contract/crm/activity.ts'
import { activityPart, dueWhen, wholeActivity } from '../../contract/rest/activities.ts'
import { instant } from '../../contract/rest/record-input.ts'
import {
  anyOf,
  filter,
  oneOf,
  personIs,
  refersTo,
  timeFilters,
  timeSorts,
} from '../records/common-filters.ts'
import { bySearchText, matching } from '../records/matching-text.ts'
import type { RecordKind } from '../records/record-kind.ts'
import { holdSubjects } from '../records/hold-subjects.ts'
import { prepareActivity } from './prepare-activity.ts'
import { type ActivityRow, activityRights, activitySelect, presentActivity } from './present-activity.ts'

/** What has no due date comes after everything that has one. As the index has it: coalesce() is no condition of one under row security. */
const due = `(case when r.due_at is null then 'infinity'::timestamptz else r.due_at end)`

const text = matching({ waysOf: (q) => bySearchText('activities', q) })

/** Midnight that ends the present day of the tenant, in its own time zone. */
const endOfToday = `(select ((now() at time zone t.time_zone)::date + 1)::timestamp at time zone t.time_zone
  from tenants t where t.id = current_tenant())`

/** By the expression that is indexed, so that each begins where it belongs. */
const dueConditions = {
  overdue: `${due} < now()`,
  today: `${due} >= now() and ${due} < ${endOfToday}`,
  upcoming: `${due} >= ${endOfToday} and r.due_at is not null`,
} as const

/** What somebody of ours has to do: a task, a call, a meeting. Whoever it is assigned to owns it. */
export const activityKind: RecordKind<ActivityRow, ActivityView> = {
  noun: 'activity',
  path: 'activities',
  table: 'activities',
  select: activitySelect,
  joins: '',
  members: {
    type: { column: 'type', type: 'text' },
    subject: { column: 'subject', type: 'text' },
    description: { column: 'description', type: 'text' },
    dueAt: { column: 'due_at', type: 'timestamptz' },
    remindAt: { column: 'remind_at', type: 'timestamptz' },
    remindedAt: { column: 'reminded_at', type: 'timestamptz' },
    priority: { column: 'priority', type: 'text' },
    status: { column: 'status', type: 'text' },
    completedAt: { column: 'completed_at', type: 'timestamptz' },
    outcome: { column: 'outcome', type: 'text' },
    assigneeId: { column: 'assignee_id', type: 'uuid' },
    customerId: { column: 'customer_id', type: 'integer' },
    contactId: { column: 'contact_id', type: 'integer' },
    dealId: { column: 'deal_id', type: 'integer' },
    conversationId: { column: 'conversation_id', type: 'uuid' },
  },
  view: activityView,
  whole: wholeActivity,
  part: activityPart,
  filters: {
    q: text,
    type: oneOf('r.type', activityTypes),
    status: oneOf('r.status', activityStatuses),
    priority: oneOf('r.priority', activityPriorities),
    assigneeId: personIs('r.assignee_id'),
    customerId: refersTo('r.customer_id'),
    contactId: refersTo('r.contact_id'),
    dealId: refersTo('r.deal_id'),
    conversationId: anyOf('r.conversation_id', z.uuid(), 'uuid'),
    dueFrom: filter(instant, (at, bind) => `${due} >= ${bind(at)}::timestamptz`),
    dueTo: filter(instant, (at, bind) => `${due} < ${bind(at)}::timestamptz`),
    when: filter(z.enum(dueWhen), (when) => `r.status = 'open' and ${dueConditions[when]}`),
    ...timeFilters,
  },
  sorts: { ...timeSorts, dueAt: { sql: due, type: 'timestamptz', order: 'asc' } },
  sortedBy: 'dueAt',
  includes: ['assignee', 'customer', 'contact', 'deal', 'conversation'],
  present: presentActivity,
  rights: activityRights,
  constraints: {
    activities_assignee: 'assigneeId',
    activities_customer: 'customerId',
    activities_contact: 'contactId',
    activities_deal: 'dealId',
    activities_conversation: 'conversationId',
  },
  named: (before, after) =>
    before.status !== 'done' && after.status === 'done'
      ? { event: 'activity.completed', action: 'activity.complete' }
      : undefined,
  lockFirst: async (tx, id, values) => holdSubjects(tx, 'activities', id, values),
  prepare: (tx, change) => {
    if (change.before === null) holdSubjects(tx, 'activities', null, change.values)
    return prepareActivity(tx, change)
  },
}
