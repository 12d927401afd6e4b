import type { InboundPresence } from '../../providers/inbound.ts'
import { type IngestDeps, ingestChannel, type IngestKey } from './ingest-channel.ts'

/** The intake of a process. */
export interface Ingest {
  /** Something may wait for this channel. Settles when what waited at this moment is processed, with how much that was. */
  wake(key: IngestKey): Promise<number>
  /** Takes nothing more and settles when what is under way is committed. */
  close(): Promise<void>
}

interface Lane {
  running: Promise<number>
  /** Somebody asked since the last look began. */
  again: boolean
}

/**
 * One look at a time per channel in this process, however many nudges come: those that come during a look share the next
 * one. `tell` gets what customers are doing right now, after everything that they wrote is committed.
 */
export function openIngest(
  deps: IngestDeps,
  tell: (key: IngestKey, presences: readonly InboundPresence[]) => void,
): Ingest {
  const lanes = new Map<string, Lane>()
  let closing = false

  const work = async (key: IngestKey, lane: Lane): Promise<number> => {
    let deliveries = 0
    try {
      while (lane.again && !closing) {
        lane.again = false
        const done = await ingestChannel(deps, key)
        deliveries += done.deliveries
        if (done.presences.length > 0) tell(key, done.presences)
      }
      return deliveries
    } finally {
      // In the turn of the last look at `again`, so that no wake falls between the two.
      lanes.delete(key.channelId)
    }
  }

  return {
    wake: (key) => {
      const known = lanes.get(key.channelId)
      if (known) {
        known.again = true
        return known.running
      }
      const lane: Lane = { again: true, running: Promise.resolve(0) }
      lanes.set(key.channelId, lane)
      lane.running = work(key, lane)
      return lane.running
    },
    close: async () => {
      closing = true
      await Promise.allSettled([...lanes.values()].map(({ running }) => running))
    },
  }
}
