import { readersOfChannels } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type AddressConfig, type ChannelRow, channelColumns, presentChannel } from './present-channel.ts'

/**
 * Stops a number's sends until a human or a good check clears the reason: its messages stay in the queue instead of being
 * burned one by one (OUT8). The first reason stays, later ones are its consequences.
 * Answers whether it was still running. Locks: the channel's row.
 */
export async function stopChannel(
  deps: { readonly config: AddressConfig },
  tx: TenantTx,
  channelId: string,
  reason: string,
): Promise<boolean> {
  const [row] = await tx.query<ChannelRow>(
    `update channels set stopped_reason = $3, version = version + 1, updated_at = $4
     where tenant_id = $1 and id = $2 and stopped_reason is null returning ${channelColumns}`,
    [tx.tenantId, channelId, reason, tx.now],
  )
  if (!row) return false
  tx.record('channel.updated', { channel: presentChannel(row, deps.config) }, readersOfChannels)
  return true
}
