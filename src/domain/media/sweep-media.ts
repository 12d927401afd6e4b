import { inTenant } from '../../log/tenant-tx.ts'
import { expireMedia } from './expire-media.ts'
import type { MediaDeps } from './media-deps.ts'
import { removeStrays } from './stray-objects.ts'

/** A multipart upload is finished or dead within the longest download; twice that is certain. */
const staleFactor = 2

/** Files whose time has come, of all tenants, the longest waiting first. No locks: several workers may see the same ones. */
export async function listDueMedia(
  deps: Pick<MediaDeps, 'db'>,
  atMost: number,
): Promise<{ tenantId: string; attachmentId: string }[]> {
  const { rows } = await deps.db.write.query<{ tenant_id: string; attachment_id: string }>(
    'select tenant_id, attachment_id from due_attachments($1)',
    [atMost],
  )
  return rows.map((row) => ({ tenantId: row.tenant_id, attachmentId: row.attachment_id }))
}

/**
 * Tidies up behind people and processes that went away: uploads that were announced and never referred to by a message, uploads
 * in parts that nobody finishes, and objects that no row names; and throws away files that are older than their tenants keep them.
 * Also measures how long the oldest file has been waiting. For a timer of minutes.
 * Answers with what it did; fails with `unavailable` when the database or the store is away.
 */
export async function tidyMedia(
  deps: MediaDeps,
): Promise<{ uploads: number; halfUploads: number; strays: number; outlived: number }> {
  const { rows } = await deps.db.write.query<{ seconds: number }>('select oldest_pending_media() as seconds')
  deps.metrics.mediaPendingOldest.set(rows[0]?.seconds ?? 0)
  const uploads = await dropAbandonedUploads(deps)
  const halfUploads = await deps.storage.abortUploads(deps.config.MEDIA_TOTAL_MS * staleFactor)
  const strays = await removeStrays(deps)
  return { uploads, halfUploads, strays, outlived: await expireMedia(deps) }
}

async function dropAbandonedUploads(deps: MediaDeps): Promise<number> {
  const { rows } = await deps.db.write.query<{
    tenant_id: string
    attachment_id: string
    object_key: string
  }>(`select tenant_id, attachment_id, object_key from abandoned_uploads(make_interval(days => $1), 500)`, [
    deps.config.UPLOAD_KEEP_DAYS,
  ])
  for (const row of rows) {
    await deps.storage.remove(row.object_key)
    await inTenant(deps, row.tenant_id, (tx) =>
      tx.query(`delete from attachments where tenant_id = $1 and id = $2 and state = 'awaiting_upload'`, [
        row.tenant_id,
        row.attachment_id,
      ]),
    )
  }
  return rows.length
}
