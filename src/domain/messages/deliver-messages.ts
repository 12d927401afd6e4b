import { uuidv7 } from '../../platform/uuid.ts'
import { ChannelDelivery } from './channel-delivery.ts'
import type { ChannelKey } from './claim-sends.ts'
import { renewLeases } from './keep-leases.ts'
import type { PerformDeps } from './perform-send.ts'

/** The sends of a process. */
export interface Deliveries {
  /**
   * A number may have messages that are due. Settles when they are claimed, with how many that were; sending goes on
   * behind it. Never fails: a claim that did not work out is tried again.
   */
  deliverChannel(channel: ChannelKey): Promise<number>
  /** Takes nothing more and settles when all calls under way have their outcome. */
  close(): Promise<void>
}

/** One ChannelDelivery per number that has something to do, and one heartbeat for all of their attempts. */
export function openDeliveries(deps: PerformDeps): Deliveries {
  // Whoever lost a claim to a successor must not be able to write under it, even in the same process.
  const claimToken = uuidv7()
  const channels = new Map<string, { key: ChannelKey; delivery: ChannelDelivery }>()
  let closing: Promise<void> | undefined

  const heartbeat = setInterval(() => {
    const held = new Map<string, string[]>()
    for (const [id, { key, delivery }] of channels) {
      if (delivery.underWay.length > 0)
        held.set(key.tenantId, [...(held.get(key.tenantId) ?? []), ...delivery.underWay])
      else if (delivery.idle) channels.delete(id)
    }
    for (const [tenantId, attempts] of held)
      renewLeases(deps, tenantId, claimToken, attempts).catch((error: unknown) => {
        deps.log.warn({ reason: String(error), tenantId }, 'leases could not be renewed')
      })
  }, deps.config.SEND_LEASE_MS / 3)
  heartbeat.unref()

  return {
    deliverChannel: (key) => {
      if (closing) return Promise.resolve(0)
      let entry = channels.get(key.channelId)
      if (!entry) {
        entry = { key, delivery: new ChannelDelivery(deps, key, claimToken) }
        channels.set(key.channelId, entry)
      }
      return entry.delivery.wake()
    },
    close: () => {
      closing ??= Promise.all([...channels.values()].map(({ delivery }) => delivery.close())).then(() => {
        clearInterval(heartbeat)
      })
      return closing
    },
  }
}
