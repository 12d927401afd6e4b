import { Failure } from '../../contract/errors.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { OutboundMedia } from '../../providers/port.ts'
import { type AttachmentRow, attachmentColumns } from './attachment-row.ts'
import type { MediaDeps } from './media-deps.ts'

/** A stored file for an adapter to send. Opening reads the object store then. Fails with `not_found` or `media_not_ready`. */
export async function openAttachment(
  deps: Pick<MediaDeps, 'db' | 'storage'>,
  tenantId: string,
  id: string,
): Promise<OutboundMedia> {
  const [row] = await readTenant(deps, tenantId, (query) =>
    query<AttachmentRow>(
      `select ${attachmentColumns} from attachments a where a.tenant_id = $1 and a.id = $2`,
      [tenantId, id],
    ),
  )
  if (!row) throw new Failure('not_found', { mediaId: id })
  const key = row.object_key
  if (row.state !== 'stored' || key === null) throw new Failure('media_not_ready', { mediaId: id })
  return {
    id: row.id,
    mimeType: row.mime_type,
    sizeBytes: row.size_bytes ?? 0,
    ...(row.file_name === null ? {} : { fileName: row.file_name }),
    open: () => deps.storage.get(key),
  }
}
