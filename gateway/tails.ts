import { readHeads } from '../src/log/read.ts'
import type { Deps } from '../src/deps.ts'
import type { Session } from './session.ts'
import { Tail, type TailHooks } from './tail.ts'

/** How long a tail stays when its last socket left: most come back within seconds, and cost nothing then. */
const lingerMs = 60_000

interface Entry {
  tail: Tail | undefined
  opening: Promise<Tail> | undefined
  /** Takes back the wish to hear the tenant's bell. */
  stopListening: () => void
}

/**
 * The tails of all tenants with sockets here. Bells wake single tails; one read per POLL_MS compares all heads, so that
 * without Redis news is found within that time (GW6); and a bell to oneself finds a line that is dead but looks open.
 */
export class Tails {
  readonly #deps: Deps
  readonly #hooks: TailHooks
  readonly #entries = new Map<string, Entry>()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #pingId: string
  #stopPing: () => void = () => {}
  #pingedAt = 0
  #heardAt = 0
  #polling = false
  #closed = false

  constructor(deps: Deps, hooks: TailHooks, instanceId: string) {
    this.#deps = deps
    this.#hooks = hooks
    this.#pingId = `gateway-${instanceId}`
  }

  start(): void {
    const { POLL_MS, DOORBELL_PING_MS, SOCKET_WATERMARK_MS } = this.#deps.config
    this.#stopPing = this.#deps.doorbell.listen(this.#pingId, () => this.#pingHeard())
    this.#timers.push(
      setInterval(() => void this.#poll(), POLL_MS),
      setInterval(() => this.#ping(), DOORBELL_PING_MS),
      setInterval(() => this.#tellWatermarks(), SOCKET_WATERMARK_MS),
    )
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#stopPing()
    for (const entry of this.#entries.values()) entry.stopListening()
    this.#entries.clear()
  }

  /** The tail of a tenant if it is open. */
  at(tenantId: string): Tail | undefined {
    return this.#entries.get(tenantId)?.tail
  }

  /** The tail for a session, which counts as its inhabitant until `leave`. Fails when the database does not answer. */
  async enter(session: Session): Promise<Tail> {
    const tenantId = session.tenant.id
    const entry = this.#entries.get(tenantId) ?? this.#open(tenantId)
    const tail = entry.tail ?? (await (entry.opening as Promise<Tail>))
    tail.population += 1
    const { doorbell, config } = this.#deps
    // With bells that work the tail is as new as the log; without them a newcomer must not wait for the poll.
    if (!doorbell.connected || performance.now() - tail.checkedAt > 2 * config.POLL_MS) tail.wake()
    return tail
  }

  leave(tail: Tail, session: Session): void {
    tail.leave(session)
    tail.population -= 1
    tail.emptySince = performance.now()
  }

  #open(tenantId: string): Entry {
    const entry: Entry = { tail: undefined, opening: undefined, stopListening: () => {} }
    // Listening begins before the head is read, so that nothing committed in between is missed for a whole poll.
    entry.stopListening = this.#deps.doorbell.listen(tenantId, (news) => entry.tail?.hear(news()))
    entry.opening = Tail.open(this.#deps, this.#hooks, tenantId).then(
      (tail) => {
        entry.tail = tail
        tail.wake()
        return tail
      },
      (error: unknown) => {
        this.#drop(tenantId, entry)
        throw error
      },
    )
    this.#entries.set(tenantId, entry)
    return entry
  }

  #drop(tenantId: string, entry: Entry): void {
    entry.stopListening()
    if (this.#entries.get(tenantId) === entry) this.#entries.delete(tenantId)
  }

  async #poll(): Promise<void> {
    if (this.#polling) return
    this.#polling = true
    try {
      this.#dropEmpty()
      this.#boundMemory()
      if (this.#entries.size > 0) await this.#compareHeads()
    } catch (error) {
      this.#deps.log.warn({ reason: String(error) }, 'heads cannot be read; polling on')
    } finally {
      this.#polling = false
    }
  }

  async #compareHeads(): Promise<void> {
    const before = new Map(
      [...this.#entries.keys()].map((tenantId) => [tenantId, this.at(tenantId)?.position]),
    )
    const heads = await readHeads(this.#deps, [...before.keys()])
    if (this.#closed) return
    let behind = 0
    for (const [tenantId, head] of heads) {
      const tail = this.at(tenantId)
      if (!tail) continue
      const known = before.get(tenantId)
      const moved = tail.position !== known
      if (
        head.epoch === tail.position.epoch &&
        head.seq <= tail.position.seq &&
        (moved || head.seq === tail.position.seq)
      ) {
        tail.checkedAt = performance.now()
        continue
      }
      behind += Math.max(0, head.seq - tail.position.seq)
      if (!tail.isDraining && !moved) this.#deps.metrics.doorbellMissed.inc()
      tail.wake()
    }
    this.#deps.metrics.headLag.set(behind)
  }

  #dropEmpty(): void {
    const now = performance.now()
    for (const [tenantId, entry] of this.#entries)
      if (entry.tail && entry.tail.population === 0 && now - entry.tail.emptySince > lingerMs)
        this.#drop(tenantId, entry)
  }

  /** Tails share one budget of memory: the largest give up their older half until it is kept. */
  #boundMemory(): void {
    const tails = [...this.#entries.values()].flatMap((entry) => (entry.tail ? [entry.tail] : []))
    let bytes = tails.reduce((sum, tail) => sum + tail.bytes, 0)
    if (bytes <= this.#deps.config.SOCKET_TAIL_BYTES) return
    for (const tail of tails.sort((one, other) => other.bytes - one.bytes)) {
      if (bytes <= this.#deps.config.SOCKET_TAIL_BYTES) return
      bytes -= tail.bytes
      tail.forgetOldest()
      bytes += tail.bytes
    }
  }

  #tellWatermarks(): void {
    for (const entry of this.#entries.values()) entry.tail?.tellWatermarks()
  }

  /** Rings its own bell. One that was not heard by the next time, on a line that looks open, is a line to make anew. */
  #ping(): void {
    const { doorbell, log } = this.#deps
    if (this.#pingedAt > this.#heardAt && doorbell.connected) {
      log.warn('the doorbell does not ring; connecting anew')
      doorbell.reconnect()
      this.#pingedAt = 0
      return
    }
    if (!doorbell.connected) {
      this.#pingedAt = 0
      return
    }
    this.#pingedAt = performance.now()
    doorbell.ring(this.#pingId)
  }

  #pingHeard(): void {
    this.#heardAt = performance.now()
    if (this.#pingedAt > 0) this.#deps.metrics.doorbellLag.observe((this.#heardAt - this.#pingedAt) / 1000)
  }
}
