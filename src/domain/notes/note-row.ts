import type { NoteView } from '../../contract/conversation.ts'

/** A note as the database holds it. Timestamps are ISO text. */
export interface NoteRow {
  id: number
  body: string
  pinned: boolean
  mentions: string[]
  author_id: string
  author_name: string | null
  customer_id: number | null
  contact_id: number | null
  deal_id: number | null
  conversation_id: string | null
  version: number
  created_at: string
  updated_at: string
  deleted_at: string | null
}

export const noteColumns = `id, body, pinned, mentions, author_id, author_name, customer_id, contact_id, deal_id, conversation_id,
  version, created_at, updated_at, deleted_at`

/** Row → wire. */
export function presentNote(row: NoteRow): NoteView {
  return {
    id: row.id,
    body: row.body,
    pinned: row.pinned,
    mentions: row.mentions,
    authorId: row.author_id,
    authorName: row.author_name,
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
