import type { ConversationView } from '../../contract/conversation.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { ConversationRow } from './conversation-row.ts'
import { viewConversation } from './load-conversations.ts'
import { hearersOf, placeOf } from './present-conversation.ts'

/** What people change of a conversation; what messages change of it is written where messages are. */
type Changed = Partial<
  Pick<
    ConversationRow,
    | 'status'
    | 'assignee_id'
    | 'team_id'
    | 'labels'
    | 'read_seq'
    | 'unread_count'
    | 'waiting_since'
    | 'snoozed_until'
    | 'resolved_at'
  >
>

type ChangeEvent =
  | 'conversation.updated'
  | 'conversation.assigned'
  | 'conversation.status_changed'
  | 'conversation.snoozed'
  | 'conversation.labelled'

/**
 * Writes a change of a locked conversation and records it: a new version, the named event with the whole conversation,
 * and `conversation.hidden` for whoever cannot see it any more at its new place. Answers with the conversation.
 */
export async function changeConversation(
  tx: TenantTx,
  before: ConversationRow,
  type: ChangeEvent,
  set: Changed,
): Promise<ConversationView> {
  const columns = Object.keys(set)
  await tx.query(
    `update conversations set version = version + 1, updated_at = $3${columns.map((name, at) => `, ${name} = $${at + 4}`).join('')}
     where tenant_id = $1 and id = $2`,
    [tx.tenantId, before.id, tx.now, ...Object.values(set)],
  )
  const conversation = await viewConversation(tx, before.id)
  tx.record(type, { conversation }, hearersOf(before.id))
  const moved =
    ('assignee_id' in set && set.assignee_id !== before.assignee_id) ||
    ('team_id' in set && set.team_id !== before.team_id)
  if (moved)
    tx.record(
      'conversation.hidden',
      { conversationId: before.id },
      { kind: 'lost-sight', conversationId: before.id, before: placeOf(before) },
    )
  return conversation
}
