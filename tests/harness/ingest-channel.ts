import { ingestNext } from '../../src/domain/webhooks/ingest-channel.ts'
import type { IngestDeps, Ingested, IngestKey } from '../../src/domain/webhooks/process-deliveries.ts'

/** Processes what waits in the inbox of a channel until nothing does. */
export async function ingestChannel(deps: IngestDeps, key: IngestKey): Promise<Ingested> {
  const failedAt = new Set<number>()
  const presences: Ingested['presences'][number][] = []
  let deliveries = 0
  for (;;) {
    const next = await ingestNext(deps, key, failedAt)
    deliveries += next.deliveries
    presences.push(...next.presences)
    if (!next.more) return { deliveries, presences }
  }
}
