import type { InboundMedia } from '../../providers/inbound.ts'

/** A file as the database holds it. Timestamps are ISO text. */
export interface AttachmentRow {
  id: string
  direction: 'in' | 'out'
  state: 'awaiting_upload' | 'pending' | 'stored' | 'failed' | 'expired'
  reason: string | null
  mime_type: string
  /** While a file is pending: what the network said, or null. Afterwards what we counted. */
  size_bytes: number | null
  /** As with size_bytes. 64 hex digits. */
  sha256: string | null
  file_name: string | null
  /**
   * Where the bytes are once the state is `stored`. Several rows may name one object (equal files of a tenant). Before
   * that it is where the present or last attempt writes, so that the next one can clean up.
   */
  object_key: string | null
  thumbnail_key: string | null
  ref: StoredRef | null
  channel_id: string | null
  created_by: string | null
  attempts: number
}

export const attachmentColumns = `a.id, a.direction, a.state, a.reason, a.mime_type, a.size_bytes, a.sha256, a.file_name,
  a.object_key, a.thumbnail_key, a.ref, a.channel_id, a.created_by, a.attempts`

/**
 * What the adapter needs to fetch a file, and, when its bytes came with the webhook, the delivery that holds them. Bytes
 * are never copied into the row: the worker reads the delivery again.
 */
export type StoredRef = Record<string, unknown> & {
  readonly inline?: { readonly inboxId: number; readonly providerMessageId: string }
}

/** The `ref` of a new inbound attachment. */
export function refOf(
  media: InboundMedia,
  delivery: { inboxId: number; providerMessageId: string },
): StoredRef {
  return media.inlineBase64 === undefined ? media.ref : { ...media.ref, inline: delivery }
}
