import type { ConversationRow } from '../conversations/conversation-row.ts'
import type { Arrival } from './inbound-arrival.ts'
import type { MessageRow } from './message-row.ts'

const windowMs = 24 * 3_600_000

/** The later of two instants in ISO 8601; null is before everything. */
function later(one: string | null, other: string): string {
  return one !== null && one > other ? one : other
}

/**
 * Puts a new message at the end of its conversation, which is changed with it. Times are the network's: they decide the
 * window and the order that people see; the place (`seq`) is the order of arrival. Pure.
 */
export function placeInbound(conversation: ConversationRow, arrival: Arrival, row: MessageRow): void {
  const { message } = arrival
  const isFirst = conversation.last_message_id === null
  const isLive = message.origin !== 'history'
  row.seq = conversation.last_seq + 1
  conversation.last_seq = row.seq
  conversation.version += 1
  conversation.updated_at = row.created_at
  // What is imported is older than what is here, unless it is not.
  if (isLive || isFirst || row.sent_at > conversation.last_activity_at) conversation.last_message_id = row.id
  conversation.last_activity_at =
    isFirst && !isLive ? row.sent_at : later(conversation.last_activity_at, row.sent_at)
  if (message.opensWindow) openWindow(conversation, row.sent_at)
  if (message.direction === 'out') {
    if (isLive) answerOnPhone(conversation, row)
    return
  }
  const isPerson = message.type !== 'system' || message.opensWindow
  if (isPerson) conversation.last_inbound_at = later(conversation.last_inbound_at, row.sent_at)
  if (!isLive || !isPerson) return
  conversation.unread_count += 1
  conversation.waiting_since ??= row.sent_at
}

/** Free text may be sent for 24 hours from here. */
export function openWindow(conversation: ConversationRow, at: string): void {
  const expires = new Date(Date.parse(at) + windowMs).toISOString()
  conversation.window_expires_at = later(conversation.window_expires_at, expires)
}

/** Whoever of us wrote on the phone has seen what was there, and the customer has an answer. */
function answerOnPhone(conversation: ConversationRow, row: MessageRow): void {
  conversation.read_seq = row.seq
  conversation.unread_count = 0
  if (conversation.waiting_since !== null && conversation.waiting_since <= row.sent_at)
    conversation.waiting_since = null
}
