import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { InboundMedia } from '../../providers/inbound.ts'
import type { StoredAttachment } from '../messages/message-row.ts'
import { refOf, type StoredRef } from './attachment-row.ts'
import { cleanFileName } from './file-name.ts'

/** A file that a network holds for us and that nobody has fetched yet. */
export interface NewAttachment {
  readonly id: string
  readonly channelId: string
  readonly media: InboundMedia
  readonly ref: StoredRef
  /** As it stands in its message. */
  readonly view: StoredAttachment
}

/** The row-to-be of a file that came with a message. Pure but for its id. */
export function newAttachment(
  tx: Pick<TenantTx, 'now'>,
  channelId: string,
  media: InboundMedia,
  delivery: { readonly inboxId: number; readonly providerMessageId: string },
): NewAttachment {
  const id = uuidv7(tx.now.getTime())
  return {
    id,
    channelId,
    media,
    ref: refOf(media, delivery),
    view: {
      id,
      state: 'pending',
      reason: null,
      mime_type: media.mimeType,
      size_bytes: media.sizeBytes ?? null,
      file_name: cleanFileName(media.fileName),
      thumbnail: false,
    },
  }
}

/** Writes files that are to be fetched, and wakes the workers that do it. One statement. Locks: the new rows. */
export async function insertAttachments(tx: TenantTx, files: readonly NewAttachment[]): Promise<void> {
  if (files.length === 0) return
  await tx.query(
    `insert into attachments (tenant_id, id, direction, state, mime_type, size_bytes, sha256, file_name, ref, channel_id,
       next_attempt_at, created_at)
     select $1, v.id, 'in', 'pending', v.mime_type, v.size_bytes, v.sha256, v.file_name, v.ref, v.channel_id, $3, $3
     from json_to_recordset($2) as v(id uuid, mime_type text, size_bytes bigint, sha256 text, file_name text, ref jsonb,
       channel_id uuid)`,
    [
      tx.tenantId,
      JSON.stringify(
        files.map(({ id, channelId, media, ref, view }) => ({
          id,
          mime_type: view.mime_type,
          size_bytes: view.size_bytes,
          sha256: media.sha256 ?? null,
          file_name: view.file_name,
          ref,
          channel_id: channelId,
        })),
      ),
      tx.now,
    ],
  )
  for (const { id } of files) tx.nudge('fetch-media', { tenantId: tx.tenantId, attachmentId: id })
}
