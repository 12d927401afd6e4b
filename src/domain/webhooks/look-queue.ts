import type { IngestKey } from './process-deliveries.ts'

/**
 * How a channel is looked at: with others in one transaction; by itself, because the look that it shared failed, but waiting for
 * nobody; or waiting for whoever has its inbox or its rows.
 */
export type Way = 'shared' | 'apart' | 'patient'

/** A channel that is to be looked at, and who waits for it. */
export interface Waiting {
  readonly key: IngestKey
  readonly waiters: PromiseWithResolvers<number>[]
  /** Deliveries that are processed already. */
  done: number
  /** Those that failed meanwhile, which are not tried again before somebody asks anew. */
  readonly failedAt: Set<number>
}

export interface Look {
  readonly way: Way
  /** In the order of their tenants' ids, as whatever is locked for several; one, but for a shared look. */
  readonly channels: readonly Waiting[]
}

interface Limits {
  /** Looks under way at a time. */
  readonly lanes: number
  /** Tenants that share a look. */
  readonly together: number
}

/**
 * Which look comes next. A channel is looked at by one look at a time; whoever asks for it meanwhile shares the next one. Those who
 * came first are first, and a channel that must be waited for leaves one lane to the others, where there are two (IN9).
 */
export class LookQueue {
  readonly #limits: Limits
  /** By channel; each channel is in one of them at most. */
  readonly #queues: Readonly<Record<Way, Map<string, Waiting>>> = {
    shared: new Map(),
    apart: new Map(),
    patient: new Map(),
  }
  /** Channels that are looked at right now. */
  readonly #busy = new Set<string>()
  readonly #under = { shared: 0, apart: 0, patient: 0 }

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Whether another look may begin. */
  get isFree(): boolean {
    return this.#under.shared + this.#under.apart + this.#under.patient < this.#limits.lanes
  }

  /** Settles when what waits for the channel now is processed, with how much that was; 0 for all who ask for it but the first. */
  ask(key: IngestKey): Promise<number> {
    const waiter = Promise.withResolvers<number>()
    const { channelId } = key
    const one = Object.values(this.#queues)
      .find((queue) => queue.has(channelId))
      ?.get(channelId)
    if (one) one.waiters.push(waiter)
    else this.#queues.shared.set(channelId, { key, waiters: [waiter], done: 0, failedAt: new Set() })
    return waiter.promise
  }

  /** Begins the next look; undefined when nobody waits for one, or no lane is free. */
  begin(): Look | undefined {
    if (!this.isFree) return undefined
    const { patient, apart } = this.#queues
    const [waits] = patient.values()
    if (waits && this.#under.patient < Math.max(1, this.#limits.lanes - 1))
      return this.#take('patient', [waits])
    const [one] = apart.values()
    if (one) return this.#take('apart', [one])
    const channels = this.#sharing()
    return channels.length === 0 ? undefined : this.#take('shared', channels)
  }

  /** A look is over, whatever came of its channels. */
  over({ way }: Look): void {
    this.#under[way] -= 1
  }

  /** A channel of a look is done; who waits for it is told how much was processed, or why not. */
  end(one: Waiting, outcome: unknown): void {
    this.#busy.delete(one.key.channelId)
    settle(one, outcome)
  }

  /** A channel of a look is not done: another look is taken at it. */
  goOn(one: Waiting, way: Way): void {
    const { channelId } = one.key
    this.#busy.delete(channelId)
    const { shared } = this.#queues
    const later = shared.get(channelId)
    shared.delete(channelId)
    this.#queues[way].set(channelId, { ...one, waiters: [...one.waiters, ...(later?.waiters ?? [])] })
  }

  /** Nobody who waits is looked at any more; each is told what was processed so far. */
  giveUp(): void {
    for (const queue of Object.values(this.#queues)) {
      for (const one of queue.values()) settle(one, one.done)
      queue.clear()
    }
  }

  /** One channel of each tenant that waits. */
  #sharing(): Waiting[] {
    const taken = new Map<string, Waiting>()
    for (const [channelId, one] of this.#queues.shared) {
      if (taken.size === this.#limits.together) break
      if (!this.#busy.has(channelId) && !taken.has(one.key.tenantId)) taken.set(one.key.tenantId, one)
    }
    return [...taken.values()].sort(({ key: one }, { key: other }) =>
      one.tenantId < other.tenantId ? -1 : 1,
    )
  }

  #take(way: Way, channels: readonly Waiting[]): Look {
    for (const { key } of channels) {
      this.#queues[way].delete(key.channelId)
      this.#busy.add(key.channelId)
    }
    this.#under[way] += 1
    return { way, channels }
  }
}

/** Tells those who wait for a channel: the first how much was processed, or all why not. */
function settle({ waiters }: Waiting, outcome: unknown): void {
  for (const [place, { resolve, reject }] of waiters.entries()) {
    if (typeof outcome === 'number') resolve(place === 0 ? outcome : 0)
    else reject(outcome)
  }
}
