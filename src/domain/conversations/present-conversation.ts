import type { ConversationPatch, ConversationView } from '../../contract/conversation.ts'
import type { ConversationPlace, Scope } from '../../log/scope.ts'
import { providers } from '../../providers/registry.ts'
import type { MessageRow } from '../messages/message-row.ts'
import { presentMessage } from '../messages/present-message.ts'
import type { ConversationRow, WholeConversationRow } from './conversation-row.ts'

/** Row → wire. `now` decides whether the window is open. */
export function presentConversation(
  row: WholeConversationRow,
  lastMessage: MessageRow | null,
  now: Date,
): ConversationView {
  const { lastMessageId: _, ...patch } = presentPatch(row, now)
  return {
    ...patch,
    number: row.number,
    channelId: row.channel_id,
    contact: {
      id: row.contact_id,
      name: row.contact_name,
      identities: row.identities,
      isGroup: row.contact_is_group,
      blocked: row.contact_blocked,
    },
    customerId: row.contact_customer_id,
    dealIds: row.deal_ids,
    status: row.status,
    priority: row.priority,
    assignee: row.assignee_id === null ? null : { id: row.assignee_id, name: row.assignee_name ?? '' },
    team: row.team_id === null ? null : { id: row.team_id, name: row.team_name ?? '' },
    labels: row.labels,
    lastMessage: lastMessage === null ? null : presentMessage(lastMessage),
    snoozedUntil: row.snoozed_until,
    createdAt: row.created_at,
  }
}

/** The part that a new message changes. */
export function presentPatch(row: ConversationRow, now: Date): ConversationPatch {
  const required = providers[row.provider].rules.window
  return {
    id: row.id,
    unreadCount: row.unread_count,
    lastSeq: row.last_seq,
    readSeq: row.read_seq,
    lastInboundAt: row.last_inbound_at,
    lastActivityAt: row.last_activity_at,
    window: {
      required,
      open: !required || (row.window_expires_at !== null && new Date(row.window_expires_at) > now),
      expiresAt: row.window_expires_at,
    },
    waitingSince: row.waiting_since,
    updatedAt: row.updated_at,
    version: row.version,
    lastMessageId: row.last_message_id,
  }
}

export function placeOf(
  row: Pick<ConversationRow, 'channel_id' | 'assignee_id' | 'team_id'>,
): ConversationPlace {
  return { channelId: row.channel_id, assigneeId: row.assignee_id, teamId: row.team_id }
}

/** Everybody who may see the conversation. */
export function hearersOf(conversationId: string): Scope {
  return { kind: 'conversation', conversationId }
}
