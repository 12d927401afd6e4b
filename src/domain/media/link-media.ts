import type { Actor } from '../../auth/actor.ts'
import { Failure } from '../../contract/errors.ts'
import type { MediaLink } from '../../contract/rest/media.ts'
import { readTenant } from '../../log/read-tenant.ts'
import { isUuid } from '../../platform/uuid.ts'
import { placeOf } from '../conversations/present-conversation.ts'
import { type AttachmentRow, attachmentColumns } from './attachment-row.ts'
import { cleanFileName, contentDisposition } from './file-name.ts'
import { endingOf, isInline } from './judge-type.ts'
import { mayReadMedia } from './media.policy.ts'
import type { MediaDeps } from './media-deps.ts'
import { thumbnailType } from './thumbnail.ts'

type LinkDeps = Pick<MediaDeps, 'db' | 'storage' | 'config' | 'clock'>

/**
 * A signed address of a file (or its thumbnail) for somebody who may see it now. It lives MEDIA_LINK_SECONDS whatever
 * happens to the right in that time; the next one is judged anew. Does not talk to the object store.
 * Fails with `not_found` (also for what the actor may not see), `media_not_ready` while it is on its way, and `media_gone`.
 */
export async function linkMedia(
  deps: LinkDeps,
  actor: Actor,
  id: string,
  thumbnail: boolean,
): Promise<MediaLink> {
  const row = await findReadable(deps, actor, id)
  if (row.state === 'failed' || row.state === 'expired')
    throw new Failure('media_gone', { state: row.state, reason: row.reason })
  if (row.state !== 'stored' || row.object_key === null)
    throw new Failure('media_not_ready', { state: 'pending' })
  const key = thumbnail ? row.thumbnail_key : row.object_key
  if (key === null) throw new Failure('not_found', {}, { message: 'there is no thumbnail of this file' })

  const mimeType = thumbnail ? thumbnailType : row.mime_type
  const disposition = isInline(mimeType) ? 'inline' : 'attachment'
  const fileName = thumbnail
    ? `thumbnail-${id}.webp`
    : (cleanFileName(row.file_name) ?? `file-${id}.${endingOf(mimeType)}`)
  const seconds = deps.config.MEDIA_LINK_SECONDS
  const expiresAt = new Date(deps.clock.now().getTime() + seconds * 1000).toISOString()
  const url = await deps.storage.presignGet(key, seconds, {
    mimeType: mimeType.startsWith('text/') ? `${mimeType}; charset=utf-8` : mimeType,
    disposition: contentDisposition(disposition, fileName),
  })
  return { url, expiresAt, mimeType, sizeBytes: thumbnail ? null : row.size_bytes, fileName, disposition }
}

async function findReadable(deps: LinkDeps, actor: Actor, id: string): Promise<AttachmentRow> {
  if (!isUuid(id)) throw new Failure('not_found')
  const found = await readTenant(deps, actor.tenantId, async (query) => {
    const [row] = await query<AttachmentRow>(
      `select ${attachmentColumns} from attachments a where a.tenant_id = $1 and a.id = $2`,
      [actor.tenantId, id],
    )
    const places = await query<{ channel_id: string; assignee_id: string | null; team_id: string | null }>(
      `select distinct c.channel_id, c.assignee_id, c.team_id
       from messages m join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
       where m.tenant_id = $1 and m.attachment_id = $2 and m.deleted_at is null`,
      [actor.tenantId, id],
    )
    return { row, places: places.map(placeOf) }
  })
  const { row, places } = found
  if (!row || !mayReadMedia(actor, { uploaderId: row.created_by, places })) throw new Failure('not_found')
  return row
}
