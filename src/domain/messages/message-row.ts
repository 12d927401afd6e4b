import type { MessageStatus, MessageType } from '../../contract/message.ts'

/** A message as the database holds it, with its file when it has one. Timestamps are ISO text. */
export interface MessageRow {
  id: string
  conversation_id: string
  channel_id: string
  seq: number
  direction: 'in' | 'out'
  author_kind: 'contact' | 'agent' | 'bot' | 'system' | 'phone' | 'campaign' | 'api'
  author_id: string | null
  author_name: string | null
  type: MessageType
  text: string | null
  payload: Record<string, unknown>
  attachment_id: string | null
  reply_to_id: string | null
  reply_to_provider_id: string | null
  reactions: StoredReaction[]
  status: Exclude<MessageStatus, 'sending'>
  error: StoredMessageError | null
  client_message_id: string | null
  provider_message_id: string | null
  sent_at: string
  edited_at: string | null
  deleted_at: string | null
  created_at: string
  /** The file's columns, null without one. */
  attachment: StoredAttachment | null
}

export interface StoredReaction {
  /** Empty: taken back, and kept to know that what is older and comes late is older. Not shown. */
  emoji: string
  /** Who: one reaction per person and message. `key` is the author's kind and id, or an identity of a group's participant. */
  key: string
  by: { kind: MessageRow['author_kind']; id?: string; name?: string }
  at: string
  /** By which it is known again, with those of the same second that it replaced: the network's ids and ours. Not shown. */
  ids?: string[]
}

export interface StoredMessageError {
  code: string
  title: string
  detail: string
  retryable: boolean
}

export interface StoredAttachment {
  id: string
  state: 'awaiting_upload' | 'pending' | 'stored' | 'failed' | 'expired'
  reason: string | null
  mime_type: string
  size_bytes: number | null
  file_name: string | null
  thumbnail: boolean
}

/** The columns of MessageRow, for `select … from messages m` with the join below. */
export const messageColumns = `m.id, m.conversation_id, m.channel_id, m.seq, m.direction, m.author_kind, m.author_id, m.author_name,
  m.type, m.text, m.payload, m.attachment_id, m.reply_to_id, m.reply_to_provider_id, m.reactions, m.status, m.error,
  m.client_message_id, m.provider_message_id, m.sent_at, m.edited_at, m.deleted_at, m.created_at,
  case when a.id is null then null else json_build_object('id', a.id, 'state', a.state, 'reason', a.reason,
    'mime_type', a.mime_type, 'size_bytes', a.size_bytes, 'file_name', a.file_name,
    'thumbnail', a.thumbnail_key is not null) end as attachment`

export const messageJoins = `left join attachments a on a.tenant_id = m.tenant_id and a.id = m.attachment_id`
