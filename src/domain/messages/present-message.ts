import type { MediaView, MessageView } from '../../contract/message.ts'
import type { MessageRow, StoredAttachment } from './message-row.ts'

/**
 * Row → wire. Absent stays absent: a key is there only when it says something. A deleted message has lost its text and
 * payload in the row already; its file is not shown either.
 */
export function presentMessage(row: MessageRow): MessageView {
  return {
    id: row.id,
    conversationId: row.conversation_id,
    seq: row.seq,
    direction: row.direction,
    author: {
      kind: row.author_kind,
      ...(row.author_id === null ? {} : { id: row.author_id }),
      ...(row.author_name === null ? {} : { name: row.author_name }),
    },
    type: row.type,
    text: row.text,
    payload: row.payload,
    ...(row.attachment === null || row.deleted_at !== null ? {} : { media: presentMedia(row.attachment) }),
    ...(row.reply_to_id === null && row.reply_to_provider_id === null
      ? {}
      : {
          replyTo: {
            id: row.reply_to_id,
            ...(row.reply_to_provider_id === null ? {} : { providerMessageId: row.reply_to_provider_id }),
          },
        }),
    reactions: row.reactions
      .filter(({ emoji }) => emoji !== '')
      .map(({ emoji, by, at }) => ({ emoji, by, at })),
    status: row.status,
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.client_message_id === null ? {} : { clientMessageId: row.client_message_id }),
    ...(row.provider_message_id === null ? {} : { providerMessageId: row.provider_message_id }),
    ...(row.edited_at === null ? {} : { editedAt: row.edited_at }),
    ...(row.deleted_at === null ? {} : { deletedAt: row.deleted_at }),
    sentAt: row.sent_at,
    createdAt: row.created_at,
  }
}

export function presentMedia(row: StoredAttachment): MediaView {
  return {
    id: row.id,
    mimeType: row.mime_type,
    sizeBytes: row.size_bytes,
    ...(row.file_name === null ? {} : { fileName: row.file_name }),
    // A file that the browser has not uploaded yet is as absent as one that we have not fetched yet.
    state: row.state === 'awaiting_upload' ? 'pending' : row.state,
    // Why the last try failed, while there are more, is for operators: it is announced to nobody, so it cannot be shown either.
    ...(row.reason === null || row.state === 'pending' ? {} : { reason: row.reason }),
    ...(row.thumbnail ? { hasThumbnail: true } : {}),
  }
}
