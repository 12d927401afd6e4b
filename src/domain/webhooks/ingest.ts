import type { InboundPresence } from '../../providers/inbound.ts'
import { ingestNext } from './ingest-channel.ts'
import { ingestTogether } from './ingest-together.ts'
import { type Look, LookQueue, type Waiting, type Way } from './look-queue.ts'
import type { IngestDeps, Ingested, IngestKey } from './process-deliveries.ts'

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

type Tell = (key: IngestKey, presences: readonly InboundPresence[]) => void

/**
 * One look at a time per channel in this process, however many nudges come: those that come during a look share the next one.
 * A look takes all channels that wait, one of each tenant and at most WEBHOOK_TOGETHER (`ingestTogether`), so the busier it is
 * the more share a look and the less each costs (docs/measurements.md). A channel with more than its part takes its turn again. One that
 * somebody else has, or that failed, is looked at by itself (`ingestNext`), a batch at a time. WEBHOOK_LANES looks are under way at a time.
 *
 * `tell` gets what customers are doing right now, after everything that they wrote is committed.
 */
export function openIngest(deps: IngestDeps, tell: Tell): Ingest {
  return new SharedLooks(deps, tell)
}

class SharedLooks implements Ingest {
  readonly #deps: IngestDeps
  readonly #tell: Tell
  readonly #queue: LookQueue
  readonly #looks = new Set<Promise<void>>()
  #whenFree: (() => void)[] = []
  #isClosing = false

  constructor(deps: IngestDeps, tell: Tell) {
    this.#deps = deps
    this.#tell = tell
    this.#queue = new LookQueue({
      lanes: deps.config.WEBHOOK_LANES,
      together: deps.config.WEBHOOK_TOGETHER,
    })
  }

  wake(key: IngestKey): Promise<number> {
    if (this.#isClosing) return Promise.resolve(0)
    const processed = this.#queue.ask(key)
    // One turn of the event loop later, so that those that are woken in one turn share a look.
    setImmediate(() => this.#pump())
    return processed
  }

  free(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenFree.push(resolve)
      // Behind what was woken in this turn, which may fill the lanes.
      setImmediate(() => this.#pump())
    })
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#queue.giveUp()
    await Promise.all(this.#looks)
  }

  #pump(): void {
    for (let look = this.#queue.begin(); look; look = this.#queue.begin()) this.#begin(look)
    if (this.#queue.isFree) for (const go of this.#whenFree.splice(0)) go()
  }

  #begin(look: Look): void {
    const done = this.#look(look).finally(() => {
      this.#looks.delete(done)
      this.#queue.over(look)
      this.#pump()
    })
    this.#looks.add(done)
  }

  async #look(look: Look): Promise<void> {
    try {
      await (look.way === 'patient' ? this.#lookPatiently(look) : this.#lookTogether(look))
    } catch (error) {
      for (const one of look.channels) this.#queue.end(one, error)
    }
  }

  async #lookTogether({ way, channels }: Look): Promise<void> {
    const keys = channels.map(({ key }) => key)
    const looked = await ingestTogether(this.#deps, keys)
    for (const [place, one] of channels.entries()) {
      const found = looked[place]
      if (found) this.#note(one, found.ingested)
      if (looked.length === 0) this.#goOn(one, way === 'shared' && channels.length > 1 ? 'apart' : 'patient')
      else if (!found || found.left === 'failed before') this.#goOn(one, 'patient')
      else if (found.left === 'more') this.#goOn(one, 'shared')
      else this.#queue.end(one, one.done)
    }
  }

  async #lookPatiently({ channels }: Look): Promise<void> {
    for (const one of channels) {
      const found = await ingestNext(this.#deps, one.key, one.failedAt)
      this.#note(one, found)
      if (found.more) this.#goOn(one, 'shared')
      else this.#queue.end(one, one.done)
    }
  }

  #note(one: Waiting, { deliveries, presences }: Ingested): void {
    one.done += deliveries
    if (presences.length > 0) this.#tell(one.key, presences)
  }

  /** Another process does, when this one is about to end. */
  #goOn(one: Waiting, way: Way): void {
    if (this.#isClosing) this.#queue.end(one, one.done)
    else this.#queue.goOn(one, way)
  }
}
