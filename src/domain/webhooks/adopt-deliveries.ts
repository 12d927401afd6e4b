import { Failure } from '../../contract/errors.ts'
import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import { recordAudit } from '../audit/record-audit.ts'
import { type CloudDeps, judgeCloudDelivery } from './intake-cloud.ts'
import { type Delivery, storeDeliveries, type StoreDeps } from './store-deliveries.ts'

/** A delivery in quarantine that is nobody's. */
export interface UnownedDelivery {
  readonly id: number
  readonly provider: string
  readonly reason: string | null
  readonly receivedAt: string
  readonly sizeBytes: number
}

/** For operators: it looks at what belongs to no tenant. The oldest first, behind `after`. */
export async function listUnownedDeliveries(
  deps: Pick<LogDeps, 'db'>,
  after: number,
  limit: number,
): Promise<UnownedDelivery[]> {
  const { rows } = await deps.db.read.query<UnownedDelivery>(
    `select id, provider, reason, received_at as "receivedAt", size_bytes as "sizeBytes" from unowned_deliveries($1, $2)`,
    [after, limit],
  )
  return rows
}

export interface Adopted {
  /** Channels that have the delivery now, each for its own part. */
  readonly owners: readonly { readonly tenantId: string; readonly channelId: string }[]
  /** Why it, or a part of it, is still nobody's; null when nothing is left. */
  readonly left: string | null
}

/**
 * Looks anew whose a quarantined delivery is, just as when it came: by the numbers in its body and by its signature, so a
 * number's owner gets nothing that another's app signed (HOOK3). Its owners get it as if it came now. `by` is the operator's
 * name for their audit trails. Fails with `unavailable`.
 */
export async function adoptDelivery(
  deps: LogDeps & CloudDeps & StoreDeps,
  by: string,
  id: number,
): Promise<Adopted> {
  const { rows } = await deps.db.write.query<{ provider: string; body: Buffer; signature: string | null }>(
    'select provider, body, signature from unowned_delivery($1)',
    [id],
  )
  const [row] = rows
  if (!row) return { owners: [], left: 'it is not in quarantine any more' }
  if (row.provider !== 'whatsapp-cloud' || row.signature === null)
    return { owners: [], left: 'its signature was not kept, so nobody knows who sent it' }
  let judged: Delivery[]
  try {
    judged = await judgeCloudDelivery(deps, row.body, row.signature)
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'unavailable') throw error
    const left =
      error.code === 'signature_invalid'
        ? 'no number that is connected now signed it for itself'
        : error.message
    return { owners: [], left }
  }
  const owned = judged.filter((delivery) => delivery.owner !== null)
  await storeDeliveries(deps, owned)
  const owners = owned.flatMap(({ owner }) => (owner ? [owner] : []))
  for (const { tenantId, channelId } of owners)
    await inTenant(deps, tenantId, async (tx) =>
      recordAudit(tx, {
        by: { actor: { kind: 'system', tenantId, name: by } },
        action: 'delivery.adopt',
        entity: 'channel',
        entityId: channelId,
        after: { unownedDelivery: id },
      }),
    )
  const left = judged.find((delivery) => delivery.owner === null)?.quarantine ?? null
  if (left === null) await deps.db.write.query('select settle_unowned_delivery($1)', [id])
  return { owners, left }
}
