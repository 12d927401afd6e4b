import { inTenant, type TenantTx } from '../../log/tenant-tx.ts'
import { announceMedia, lockMessagesOf } from './announce-media.ts'
import type { MediaDeps } from './media-deps.ts'

/** Files of one look; what is left is for the next. */
const atOnce = 500

/**
 * Throws away files that are older than their tenants keep them (retention.mediaDays): the row says `expired`, the messages
 * are announced, the bytes are gone. Several workers may see the same ones. Answers how many went; fails with `unavailable`.
 */
export async function expireMedia(
  deps: Pick<MediaDeps, 'storage'> & Parameters<typeof inTenant>[0],
): Promise<number> {
  const { rows } = await deps.db.write.query<{ tenant_id: string; attachment_id: string }>(
    'select tenant_id, attachment_id from outlived_media($1)',
    [atOnce],
  )
  for (const { tenant_id: tenantId, attachment_id: id } of rows)
    await inTenant(deps, tenantId, (tx) => expire(tx, deps, id))
  return rows.length
}

/**
 * The bytes go before the commit, so that none are left over: if it fails, the next look finds the row as it was. Equal
 * files share their bytes, which stay as long as a row names them; nobody can begin to while the checksum is held.
 * Locks in order: the checksum, messages by id, the attachment, the tenant's head.
 */
async function expire(tx: TenantTx, { storage }: Pick<MediaDeps, 'storage'>, id: string): Promise<void> {
  const [file] = await tx.query<{ sha256: string | null }>(
    'select sha256 from attachments where tenant_id = $1 and id = $2',
    [tx.tenantId, id],
  )
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `media ${tx.tenantId} ${file?.sha256 ?? id}`,
  ])
  const messageIds = await lockMessagesOf(tx, id)
  const [row] = await tx.query<{ object_key: string | null; thumbnail_key: string | null }>(
    `select object_key, thumbnail_key from attachments where tenant_id = $1 and id = $2 and state = 'stored' for update`,
    [tx.tenantId, id],
  )
  if (!row) return
  await tx.query(
    `update attachments set state = 'expired', reason = 'retention', object_key = null, thumbnail_key = null
     where tenant_id = $1 and id = $2`,
    [tx.tenantId, id],
  )
  for (const key of [row.object_key, row.thumbnail_key]) {
    if (key === null) continue
    const named = await tx.query(
      'select 1 from attachments where tenant_id = $1 and (object_key = $2 or thumbnail_key = $2) limit 1',
      [tx.tenantId, key],
    )
    if (named.length === 0) await storage.remove(key)
  }
  await announceMedia(tx, 'message.media_failed', messageIds)
}
