import { inTenant } from '../../log/tenant-tx.ts'
import { announceMedia, lockMessagesOf } from './announce-media.ts'
import type { Claim } from './attempt-lease.ts'
import type { MediaDeps } from './media-deps.ts'
import { noteStrays } from './stray-objects.ts'

export interface StoredFile {
  readonly mimeType: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly fileName: string | null
  readonly thumbnailKey: string | null
}

/**
 * The file is here: one transaction makes it `stored` and announces its message. An equal file of the tenant that is here
 * already is used instead, so that equal files are kept once; two that arrive in the same moment wait for each other by
 * their checksum. Answers with the keys that nobody needs any more, or null when the claim was lost and nothing changed.
 * Locks in order: the checksum, messages by id, the attachment, the tenant's head.
 */
export function recordStored(
  deps: MediaDeps,
  tenantId: string,
  claim: Claim,
  file: StoredFile,
): Promise<string[] | null> {
  return inTenant(deps, tenantId, async (tx) => {
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `media ${tenantId} ${file.sha256}`,
    ])
    const messageIds = await lockMessagesOf(tx, claim.row.id)
    const [twin] = await tx.query<{ object_key: string; thumbnail_key: string | null }>(
      `select object_key, thumbnail_key from attachments
       where tenant_id = $1 and sha256 = $2 and size_bytes = $3 and state = 'stored' order by stored_at limit 1`,
      [tenantId, file.sha256, file.sizeBytes],
    )
    const thumbnailKey = twin?.thumbnail_key ?? file.thumbnailKey
    const changed = await tx.query(
      `update attachments set state = 'stored', reason = null, mime_type = $4, size_bytes = $5, sha256 = $6, file_name = $7,
              object_key = $8, thumbnail_key = $9, stored_at = $10, claim_token = null, lease_until = null, next_attempt_at = null
       where tenant_id = $1 and id = $2 and claim_token = $3 and state = 'pending' returning id`,
      [
        tenantId,
        claim.row.id,
        claim.token,
        file.mimeType,
        file.sizeBytes,
        file.sha256,
        file.fileName,
        twin?.object_key ?? claim.key,
        thumbnailKey,
        tx.now,
      ],
    )
    if (changed.length === 0) return null
    await announceMedia(tx, 'message.media_stored', messageIds)
    const spare = twin ? [claim.key] : []
    if (file.thumbnailKey !== null && file.thumbnailKey !== thumbnailKey) spare.push(file.thumbnailKey)
    await noteStrays(tx, spare)
    return spare
  })
}

/** The file cannot be had, for good. `left`: what is still in the store. False when the claim was lost and nothing changed. */
export function recordFailed(
  deps: MediaDeps,
  tenantId: string,
  claim: Claim,
  { state, reason, left }: { state: 'failed' | 'expired'; reason: string; left: readonly string[] },
): Promise<boolean> {
  return inTenant(deps, tenantId, async (tx) => {
    const messageIds = await lockMessagesOf(tx, claim.row.id)
    const changed = await tx.query(
      `update attachments set state = $4, reason = $5, object_key = null, size_bytes = null, sha256 = null,
              attempts = attempts + 1, claim_token = null, lease_until = null, next_attempt_at = null
       where tenant_id = $1 and id = $2 and claim_token = $3 and state = 'pending' returning id`,
      [tenantId, claim.row.id, claim.token, state, reason],
    )
    if (changed.length === 0) return false
    await noteStrays(tx, left)
    await announceMedia(tx, 'message.media_failed', messageIds)
    return true
  })
}

/** Not now. `counts`: whether the try is one of MEDIA_ATTEMPTS; our own troubles are not. `left`: what is still in the store. */
export async function recordLater(
  deps: MediaDeps,
  tenantId: string,
  claim: Claim,
  later: { afterMs: number; reason: string; counts: boolean; left: readonly string[] },
): Promise<void> {
  await inTenant(deps, tenantId, async (tx) => {
    const changed = await tx.query(
      `update attachments set next_attempt_at = now() + make_interval(secs => $4 / 1000.0), reason = $5,
              attempts = attempts + $6, object_key = null, claim_token = null, lease_until = null
       where tenant_id = $1 and id = $2 and claim_token = $3 and state = 'pending' returning id`,
      [tenantId, claim.row.id, claim.token, later.afterMs, later.reason, later.counts ? 1 : 0],
    )
    if (changed.length > 0) await noteStrays(tx, later.left)
  })
}
