import type { ConversationView } from '../../contract/conversation.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import type { ConversationRow } from './conversation-row.ts'

/** Where a request came from, for the audit trail; empty for our own processes. */
export type Origin = Omit<Doer, 'actor'>

/** One line of the audit trail about a conversation: what people decide of it, before and after. */
export function auditConversation(
  tx: TenantTx,
  by: Doer,
  action: string,
  before: ConversationRow,
  after: ConversationView,
): void {
  recordAudit(tx, {
    by,
    action,
    entity: 'conversation',
    entityId: before.id,
    before: {
      status: before.status,
      assigneeId: before.assignee_id,
      teamId: before.team_id,
      labels: before.labels,
      snoozedUntil: before.snoozed_until,
    },
    after: {
      status: after.status,
      assigneeId: after.assignee?.id ?? null,
      teamId: after.team?.id ?? null,
      labels: after.labels,
      snoozedUntil: after.snoozedUntil,
    },
  })
}
