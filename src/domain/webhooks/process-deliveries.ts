import type { LogDeps, TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { InboundPresence } from '../../providers/inbound.ts'
import type { HeldInbox } from './hold-inbox.ts'
import { endDeliveries, type WaitingDelivery } from './inbox.ts'
import { type ReadDelivery, readDelivery } from './read-delivery.ts'
import { type RecordDeps, recordItems } from './record-items.ts'

export interface IngestDeps extends LogDeps {
  readonly config: RecordDeps['config'] &
    Pick<
      Config,
      | 'WEBHOOK_LANES'
      | 'WEBHOOK_TOGETHER'
      | 'WEBHOOK_TOGETHER_LOCK_MS'
      | 'WEBHOOK_BATCH'
      | 'WEBHOOK_BATCH_BYTES'
      | 'WEBHOOK_ATTEMPTS'
    >
  readonly log: Logger
  readonly metrics: Metrics
}

export interface IngestKey {
  readonly tenantId: string
  readonly channelId: string
}

/** What came of a look at the inbox of a channel. */
export interface Ingested {
  /** Deliveries that are processed now. */
  readonly deliveries: number
  /** Signs of life of customers that stood in them, which are no facts and may be lost. */
  readonly presences: readonly InboundPresence[]
}

export const nothing: Ingested = { deliveries: 0, presences: [] }

/** Does and ends deliveries that were claimed from an inbox that is held, all of them in its transaction. */
export async function processDeliveries(
  deps: IngestDeps,
  tx: TenantTx,
  channelId: string,
  inbox: HeldInbox,
  deliveries: readonly WaitingDelivery[],
): Promise<Ingested> {
  if (deliveries.length === 0) return nothing
  const read: ReadDelivery[] = deliveries.map((delivery) => readDelivery(inbox, delivery))
  await recordItems(
    tx,
    deps,
    channelId,
    read.flatMap(({ received }) => received),
  )
  endDeliveries(tx, read)
  tx.onCommit(() => {
    for (const { received, poison } of read) {
      for (const { item } of received)
        deps.metrics.webhookItems.inc({ provider: inbox.provider, kind: item.kind })
      deps.metrics.webhookItems.inc({ provider: inbox.provider, kind: 'poison' }, poison.length)
    }
  })
  return { deliveries: deliveries.length, presences: read.flatMap(({ presences }) => presences) }
}
