import type { InboundPresence } from '../../providers/inbound.ts'
import { Failure } from '../../contract/errors.ts'
import { Lane } from '../../platform/lane.ts'
import { type IngestDeps, ingestChannel, type IngestKey } from './ingest-channel.ts'

/** The intake of a process. */
export interface Ingest {
  /**
   * Something may wait for this channel. Settles when what waited at this moment is processed, with how much that was; 0 for
   * whoever shares a look with others.
   */
  wake(key: IngestKey): Promise<number>
  /** Settles when a look at another channel would begin at once. */
  free(): Promise<void>
  /** Takes nothing more and settles when what is under way is committed. */
  close(): Promise<void>
}

/**
 * One look at a time per channel in this process, however many nudges come: those that come during a look share the next
 * one. Of all channels WEBHOOK_LANES at a time: more of them share the same processors and database, and each takes
 * less for its pains (docs/measurements.md). `tell` gets what customers are doing right now, after everything that they
 * wrote is committed.
 */
export function openIngest(
  deps: IngestDeps,
  tell: (key: IngestKey, presences: readonly InboundPresence[]) => void,
): Ingest {
  let closing = false
  const lane = new Lane<string, IngestKey, number>({
    keyOf: ({ channelId }) => channelId,
    batch: Number.MAX_SAFE_INTEGER,
    concurrency: deps.config.WEBHOOK_LANES,
    waiting: Number.MAX_SAFE_INTEGER,
    onFull: () => new Failure('unavailable'),
    // A look that fails fails for all who asked for it.
    isCommon: () => true,
    run: async (_, [key, ...others]) => {
      const shared = others.map(() => 0)
      if (key === undefined || closing) return [0, ...shared]
      const { deliveries, presences } = await ingestChannel(deps, key)
      if (presences.length > 0) tell(key, presences)
      return [deliveries, ...shared]
    },
  })
  return {
    wake: (key) => lane.submit(key),
    free: () => lane.free(),
    close: async () => {
      closing = true
      await lane.drained()
    },
  }
}
