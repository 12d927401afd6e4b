import { isDeepStrictEqual } from 'node:util'
import { readersOfChannels } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { InboundChannelUpdate } from '../../providers/inbound.ts'
import { isDown } from '../messages/send-gate.ts'
import { hearNews, type NumberState } from './hear-news.ts'
import { type AddressConfig, type ChannelRow, channelColumns, presentChannel } from './present-channel.ts'

/**
 * Writes down what the network says of one of our numbers: facts into its health, its status, and whether it may send.
 * `channel.updated` once, when something changed that people see; a number that may send again wakes its queue. News of a
 * channel that is gone changes nothing. Locks: the channel's row.
 */
export async function recordChannelNews(
  tx: TenantTx,
  deps: { readonly config: AddressConfig & Pick<Config, 'CHANNEL_FACT_BYTES'> },
  channelId: string,
  news: readonly InboundChannelUpdate[],
): Promise<void> {
  if (news.length === 0) return
  const [row] = await tx.query<ChannelRow & Pick<NumberState, 'told' | 'restrictedUntil'>>(
    `select ${channelColumns}, told, restricted_until as "restrictedUntil" from channels where tenant_id = $1 and id = $2 and deleted_at is null for no key update`,
    [tx.tenantId, channelId],
  )
  if (!row) return
  const before: NumberState = { ...row, stoppedReason: row.stoppedReason ?? null }
  const after = news.reduce(
    (state, item) => hearNews(state, item, tx.now, deps.config.CHANNEL_FACT_BYTES),
    before,
  )
  const isVisible =
    after.status !== before.status ||
    after.stoppedReason !== before.stoppedReason ||
    !isDeepStrictEqual(after.health, before.health)
  if (!isVisible && isDeepStrictEqual(after.told, before.told)) return
  const [changed] = await tx.query<ChannelRow>(
    `update channels set status = $3, stopped_reason = $4, health = $5, told = $6, restricted_until = $9,
       version = version + $7, updated_at = case when $7 = 0 then updated_at else $8 end
     where tenant_id = $1 and id = $2 returning ${channelColumns}`,
    [
      tx.tenantId,
      channelId,
      after.status,
      after.stoppedReason,
      JSON.stringify(after.health),
      JSON.stringify(after.told),
      isVisible ? 1 : 0,
      tx.now,
      after.restrictedUntil,
    ],
  )
  if (!changed || !isVisible) return
  const channel = presentChannel(changed, deps.config)
  tx.record('channel.updated', { channel }, readersOfChannels, { kind: 'provider' })
  if (isDown(before.status, before.stoppedReason) && !isDown(after.status, after.stoppedReason))
    tx.nudge('deliver-outbound', { tenantId: tx.tenantId, channelId })
}
