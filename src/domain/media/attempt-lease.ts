import { Failure } from '../../contract/errors.ts'
import { inTenant } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type AttachmentRow, attachmentColumns } from './attachment-row.ts'
import type { MediaDeps } from './media-deps.ts'
import { newObjectKey, thumbnailKeyOf } from './object-key.ts'
import { noteStrays } from './stray-objects.ts'

/** A file that this worker, and no other, may write the outcome of, as long as it holds the token. */
export interface Claim {
  readonly row: AttachmentRow
  readonly token: string
  /** Where this attempt writes. */
  readonly key: string
  /** Where an attempt wrote whose worker never came back. */
  readonly abandonedKey: string | null
}

/**
 * Takes a file that is due and that nobody works on; null when there is none such. The place that the attempt writes to is
 * committed first, so that whatever a killed worker leaves behind is known and cleared by the next one (MED2), and by the sweep once
 * more: one that was only slow may still write there, as long as a download may take.
 */
export function claimAttachment(deps: MediaDeps, tenantId: string, id: string): Promise<Claim | null> {
  return inTenant(deps, tenantId, async (tx) => {
    const [before] = await tx.query<{ object_key: string | null }>(
      `select object_key from attachments where tenant_id = $1 and id = $2 and state = 'pending'
       and next_attempt_at <= now() and (lease_until is null or lease_until < now()) for update skip locked`,
      [tenantId, id],
    )
    if (!before) return null
    const token = uuidv7(tx.now.getTime())
    const key = newObjectKey(tenantId, tx.now)
    const [row] = await tx.query<AttachmentRow>(
      `update attachments a set claim_token = $3, object_key = $4, lease_until = now() + make_interval(secs => $5 / 1000.0)
       where a.tenant_id = $1 and a.id = $2 returning ${attachmentColumns}`,
      [tenantId, id, token, key, deps.config.MEDIA_LEASE_MS],
    )
    if (!row) return null
    const abandonedKey = before.object_key
    if (abandonedKey !== null)
      await noteStrays(tx, [abandonedKey, thumbnailKeyOf(abandonedKey)], deps.config.MEDIA_TOTAL_MS)
    return { row, token, key, abandonedKey }
  })
}

/**
 * Renews a claim until it is stopped. Calls `onLost` when somebody else has taken it over; a database that is away changes
 * nothing, because the outcome is fenced by the token anyway.
 */
export function keepClaim(
  deps: MediaDeps,
  tenantId: string,
  claim: Claim,
  onLost: () => void,
): { stop(): void } {
  const renew = async (): Promise<void> => {
    const held = await inTenant(deps, tenantId, (tx) =>
      tx.query(
        `update attachments set lease_until = now() + make_interval(secs => $4 / 1000.0)
         where tenant_id = $1 and id = $2 and claim_token = $3 and state = 'pending' returning id`,
        [tenantId, claim.row.id, claim.token, deps.config.MEDIA_LEASE_MS],
      ),
    )
    if (held.length === 0) onLost()
  }
  const timer = setInterval(() => {
    renew().catch((error: unknown) => {
      if (!(error instanceof Failure && error.code === 'unavailable'))
        deps.log.error({ err: error }, 'a claim could not be renewed')
    })
  }, deps.config.MEDIA_LEASE_MS / 3)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
