import { activityInSight } from '../../auth/owned-visibility.ts'
import type { ActivityView } from '../../contract/crm/activity.ts'
import type { RecordRow, Rights } from '../records/record-kind.ts'

/** An activity as the database holds it. Timestamps are ISO text. */
export interface ActivityRow extends RecordRow {
  type: ActivityView['type']
  subject: string
  description: string | null
  due_at: string | null
  remind_at: string | null
  reminded_at: string | null
  priority: ActivityView['priority']
  status: ActivityView['status']
  completed_at: string | null
  outcome: string | null
  assignee_id: string | null
  customer_id: number | null
  contact_id: number | null
  deal_id: number | null
  conversation_id: string | null
}

/** Columns of an ActivityRow, for `select … from activities r`. */
export const activitySelect = `r.id, r.type, r.subject, r.description, r.due_at, r.remind_at, r.reminded_at, r.priority, r.status, r.completed_at,
  r.outcome, r.assignee_id, r.customer_id, r.contact_id, r.deal_id, r.conversation_id,
  r.version, r.created_at, r.updated_at, r.deleted_at`

export const activityRights: Rights<ActivityRow> = {
  read: 'activity.read',
  write: 'activity.write',
  owner: {
    column: 'r.assignee_id',
    of: (row) => row.assignee_id,
    read: 'activity.read',
    subjects: {
      of: (row) => ({
        contactId: row.contact_id,
        conversationIds: row.conversation_id === null ? [] : [row.conversation_id],
        dealId: row.deal_id,
      }),
      inSight: (actor, action, bind) => activityInSight(actor, action, 'r', bind),
    },
  },
}

/** Row → wire. */
export function presentActivity(row: ActivityRow): ActivityView {
  return {
    id: row.id,
    type: row.type,
    subject: row.subject,
    description: row.description,
    dueAt: row.due_at,
    remindAt: row.remind_at,
    remindedAt: row.reminded_at,
    priority: row.priority,
    status: row.status,
    completedAt: row.completed_at,
    outcome: row.outcome,
    assigneeId: row.assignee_id,
    customerId: row.customer_id,
    contactId: row.contact_id,
    dealId: row.deal_id,
    conversationId: row.conversation_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
    version: row.version,
  }
}
