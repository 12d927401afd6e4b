import type { InboundPresence, PoisonPart } from '../../providers/inbound.ts'
import type { ProviderName } from '../../providers/port.ts'
import { providers } from '../../providers/registry.ts'
import type { WaitingDelivery } from './inbox.ts'
import type { ReceivedItem } from './record-items.ts'

/** A delivery in our words. */
export interface ReadDelivery {
  readonly id: number
  /** What is to be written down, in the order in which it stands in the body. */
  readonly received: readonly ReceivedItem[]
  readonly presences: readonly InboundPresence[]
  readonly poison: readonly PoisonPart[]
}

/** Reads a stored body with the adapter of its network. Pure; never throws: a body that is no JSON is poison as a whole. */
export function readDelivery(
  channel: { readonly provider: ProviderName; readonly settings: Readonly<Record<string, string>> },
  delivery: WaitingDelivery,
): ReadDelivery {
  const receivedAt = new Date(delivery.received_at)
  const parsed = parse(delivery.body)
  if (parsed === undefined) {
    const poison = [{ reason: 'the body is no JSON', raw: delivery.body.subarray(0, 200).toString('base64') }]
    return { id: delivery.id, received: [], presences: [], poison }
  }
  const { items, poison } = providers[channel.provider].parse(channel, parsed.body, receivedAt)
  return {
    id: delivery.id,
    received: items
      .filter((item) => item.kind !== 'presence')
      .map((item) => ({ item, inboxId: delivery.id, receivedAt })),
    presences: items.filter((item) => item.kind === 'presence'),
    poison,
  }
}

function parse(body: Buffer): { body: unknown } | undefined {
  try {
    return { body: JSON.parse(body.toString('utf8')) }
  } catch {
    return undefined
  }
}
