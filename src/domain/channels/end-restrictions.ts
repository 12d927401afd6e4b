import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import { recordChannelNews } from './record-channel-news.ts'

/**
 * Lets a number go on whose restriction is over: the network named the end when it began and does not say it again. Counts
 * as the network's word of that moment, so what it said since stays. Answers whether the restriction was still there.
 */
export async function endRestriction(
  deps: LogDeps & { readonly config: Parameters<typeof recordChannelNews>[1]['config'] },
  { tenantId, channelId }: { readonly tenantId: string; readonly channelId: string },
): Promise<boolean> {
  return inTenant(deps, tenantId, async (tx) => {
    const [row] = await tx.query<{ status: string; until: string }>(
      `select status, restricted_until as until from channels
       where tenant_id = $1 and id = $2 and restricted_until <= now() and deleted_at is null for no key update`,
      [tx.tenantId, channelId],
    )
    if (!row) return false
    await tx.query('update channels set restricted_until = null where tenant_id = $1 and id = $2', [
      tx.tenantId,
      channelId,
    ])
    if (row.status !== 'restricted') return false
    const at = new Date(row.until)
    await recordChannelNews(tx, deps, channelId, [
      { kind: 'channel', at, what: 'restriction_ended', health: {}, status: 'connected' },
    ])
    return true
  })
}
