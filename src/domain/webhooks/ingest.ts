import type { InboundPresence } from '../../providers/inbound.ts'
import { ingestChannel } from './ingest-channel.ts'
import { ingestTogether } from './ingest-together.ts'
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

/** A channel that is to be looked at, and who waits for it. */
interface Waiting {
  readonly key: IngestKey
  readonly waiters: PromiseWithResolvers<number>[]
  /** Deliveries that are processed already. */
  done: number
}

type Tell = (key: IngestKey, presences: readonly InboundPresence[]) => void

/**
 * One look at a time per channel in this process, however many nudges come: those that come during a look share the next one.
 * A look takes all channels that wait, one of each tenant and at most WEBHOOK_TOGETHER (`ingestTogether`), so the busier it is
 * the more share a look and the less each costs (docs/measurements.md). What did not go that way is looked at by itself, next.
 * WEBHOOK_LANES looks are under way at a time; a look at one channel alone waits for whoever has its inbox, so one lane is left
 * for the others where there are two (IN9).
 *
 * `tell` gets what customers are doing right now, after everything that they wrote is committed.
 */
export function openIngest(deps: IngestDeps, tell: Tell): Ingest {
  return new SharedLooks(deps, tell)
}

class SharedLooks implements Ingest {
  readonly #deps: IngestDeps
  readonly #tell: Tell
  /** By channel; those who came first are first. */
  readonly #waiting = new Map<string, Waiting>()
  /** The same for those whose shared look failed: each is looked at by itself, without waiting for whoever has its inbox or rows. */
  readonly #apart = new Map<string, Waiting>()
  /** The same for those who wait for that. */
  readonly #alone = new Map<string, Waiting>()
  #lonely = 0
  /** Channels that are looked at right now. */
  readonly #busy = new Set<string>()
  readonly #looks = new Set<Promise<void>>()
  #whenFree: (() => void)[] = []
  #isClosing = false

  constructor(deps: IngestDeps, tell: Tell) {
    this.#deps = deps
    this.#tell = tell
  }

  wake(key: IngestKey): Promise<number> {
    if (this.#isClosing) return Promise.resolve(0)
    const waiter = Promise.withResolvers<number>()
    const { channelId } = key
    const one = this.#alone.get(channelId) ?? this.#apart.get(channelId) ?? this.#waiting.get(channelId)
    if (one) one.waiters.push(waiter)
    else this.#waiting.set(channelId, { key, waiters: [waiter], done: 0 })
    // One turn of the event loop later, so that those that are woken in one turn share a look.
    setImmediate(() => this.#pump())
    return waiter.promise
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
    for (const waiting of [this.#alone, this.#apart, this.#waiting]) {
      for (const one of waiting.values()) settle(one, one.done)
      waiting.clear()
    }
    await Promise.all(this.#looks)
  }

  get #isFree(): boolean {
    return this.#looks.size < this.#deps.config.WEBHOOK_LANES
  }

  #pump(): void {
    while (this.#isFree) {
      const begun = this.#begin()
      if (!begun) break
      const look = begun.finally(() => {
        this.#looks.delete(look)
        this.#pump()
      })
      this.#looks.add(look)
    }
    if (this.#isFree) for (const go of this.#whenFree.splice(0)) go()
  }

  /** The next look; undefined when nobody waits for one. */
  #begin(): Promise<void> | undefined {
    const [alone] = this.#alone.values()
    if (alone && this.#lonely < Math.max(1, this.#deps.config.WEBHOOK_LANES - 1)) {
      this.#takeOne(this.#alone, alone)
      return this.#lookAlone(alone)
    }
    const [apart] = this.#apart.values()
    if (apart) {
      this.#takeOne(this.#apart, apart)
      return this.#lookTogether([apart])
    }
    const taken = this.#take()
    return taken.length === 0 ? undefined : this.#lookTogether(taken)
  }

  /** Those who share the next look, in the order of their tenants' ids, as whatever is locked for several. */
  #take(): Waiting[] {
    const taken = new Map<string, Waiting>()
    for (const [channelId, one] of this.#waiting) {
      if (taken.size === this.#deps.config.WEBHOOK_TOGETHER) break
      if (this.#busy.has(channelId) || taken.has(one.key.tenantId)) continue
      this.#takeOne(this.#waiting, one)
      taken.set(one.key.tenantId, one)
    }
    return [...taken.values()].sort(({ key: one }, { key: other }) =>
      one.tenantId < other.tenantId ? -1 : 1,
    )
  }

  #takeOne(queue: Map<string, Waiting>, { key: { channelId } }: Waiting): void {
    queue.delete(channelId)
    this.#busy.add(channelId)
  }

  async #lookTogether(taken: readonly Waiting[]): Promise<void> {
    try {
      const looked = await ingestTogether(
        this.#deps,
        taken.map(({ key }) => key),
      )
      for (const [place, one] of taken.entries()) {
        const found = looked[place]
        if (found) this.#note(one, found.ingested)
        if (found?.isDone) this.#end(one, one.done)
        else this.#goOn(one, looked.length === 0 && taken.length > 1 ? this.#apart : this.#alone)
      }
    } catch (error) {
      for (const one of taken) this.#end(one, error)
    }
  }

  async #lookAlone(one: Waiting): Promise<void> {
    this.#lonely += 1
    try {
      this.#note(one, await ingestChannel(this.#deps, one.key))
      this.#end(one, one.done)
    } catch (error) {
      this.#end(one, error)
    }
    this.#lonely -= 1
  }

  #note(one: Waiting, { deliveries, presences }: Ingested): void {
    one.done += deliveries
    if (presences.length > 0) this.#tell(one.key, presences)
  }

  #end(one: Waiting, outcome: unknown): void {
    this.#busy.delete(one.key.channelId)
    settle(one, outcome)
  }

  /** Another look is taken at it, next; by another process, when this one is about to end. */
  #goOn(one: Waiting, queue: Map<string, Waiting>): void {
    if (this.#isClosing) {
      this.#end(one, one.done)
      return
    }
    const { channelId } = one.key
    this.#busy.delete(channelId)
    const later = this.#waiting.get(channelId)
    this.#waiting.delete(channelId)
    queue.set(channelId, { ...one, waiters: [...one.waiters, ...(later?.waiters ?? [])] })
  }
}

/** Tells those who wait for a channel: the first how much was processed, or all why not. */
function settle({ waiters }: Waiting, outcome: unknown): void {
  for (const [place, { resolve, reject }] of waiters.entries()) {
    if (typeof outcome === 'number') resolve(place === 0 ? outcome : 0)
    else reject(outcome)
  }
}
