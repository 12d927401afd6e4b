import type { Redis } from 'ioredis'
import type { Server } from 'socket.io'
import { type CustomerSign, CustomerSigns } from '../src/doorbell/customer-signs.ts'
import { roomOf } from './rooms.ts'

/** Writing that is not said again is over after so long. */
const composingMs = 15_000
/** Of one conversation no more is told than one sign in so long, whatever the customer's phone says. */
const toldEveryMs = 1000

/** What is known of the customer of a conversation that somebody here has on screen. */
interface Writing {
  readonly sign: CustomerSign
  readonly until: number
  readonly told: boolean
  readonly toldAt: number
}

/**
 * Customers who write, told to those who have the conversation on screen here. Workers say it to all gateways (the
 * `composing` of src/doorbell/customer-signs.ts); each tells its own sockets. Lossy, bounded, never in the log (GW16).
 */
export class Composing {
  readonly #io: Server
  readonly #signs: CustomerSigns
  /** Rooms with somebody in them here, by tenant. */
  readonly #rooms = new Map<string, Set<string>>()
  readonly #writing = new Map<string, Writing>()

  constructor(io: Server, subscriber: Redis, prefix: string) {
    this.#io = io
    this.#signs = new CustomerSigns(subscriber, prefix, (tenantId, signs) => this.#heard(tenantId, signs))
  }

  /** Somebody here has the conversation on screen now. */
  open(tenantId: string, room: string): void {
    const rooms = this.#rooms.get(tenantId) ?? new Set()
    this.#rooms.set(tenantId, rooms.add(room))
    this.#signs.listen(tenantId)
  }

  /** Nobody here has it on screen any more. */
  close(tenantId: string, room: string): void {
    this.#writing.delete(room)
    const rooms = this.#rooms.get(tenantId)
    rooms?.delete(room)
    if (rooms?.size !== 0) return
    this.#rooms.delete(tenantId)
    this.#signs.ignore(tenantId)
  }

  /** Ends what was not renewed, and tells what came too soon after another sign. `now` is monotonic, in milliseconds. */
  sweep(now: number): void {
    for (const [room, writing] of this.#writing) {
      const composing = writing.sign.composing && writing.until > now
      const current = { ...writing, sign: { ...writing.sign, composing } }
      if (composing !== writing.told) this.#tell(room, current, now)
      else if (!composing) this.#writing.delete(room)
    }
  }

  #heard(tenantId: string, signs: readonly CustomerSign[]): void {
    const now = performance.now()
    for (const sign of signs) {
      const room = roomOf(tenantId, sign.conversationId)
      const before = this.#writing.get(room)
      if (!this.#rooms.get(tenantId)?.has(room) || !(before || sign.composing)) continue
      const { told = false, toldAt = -toldEveryMs } = before ?? {}
      // Renewals are told too: who came since has heard nothing yet.
      this.#tell(room, { sign, until: now + composingMs, told, toldAt }, now)
    }
  }

  /** Remembers what is to be told, and tells it unless another sign has just been. */
  #tell(room: string, writing: Writing, now: number): void {
    const isDue = now - writing.toldAt >= toldEveryMs
    const { sign } = writing
    this.#writing.set(room, isDue ? { ...writing, told: sign.composing, toldAt: now } : writing)
    if (isDue) this.#io.local.to(room).emit('composing', sign)
  }
}
