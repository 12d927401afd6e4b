import { type Beholder, sightChangeOf } from '../src/auth/audience.ts'
import { contactOf, conversationOf, type Scope } from '../src/log/scope.ts'
import type { StoredEvent } from '../src/log/stored-event.ts'
import { eventFrame } from './frames.ts'

/** An event ready to be sent, with what decides who hears it. */
export interface RecentEvent {
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly scope: Scope
  readonly whereabouts: Whereabouts | null
  readonly frame: Buffer
}

/** Where a conversation or contact is now, shared by all of its events that are held, so that an old event follows a new place. */
interface Whereabouts {
  place: StoredEvent['place']
  /** Head of the log when the place was read; an older read must not overwrite a newer one. */
  asOf: number
  events: number
}

/**
 * The newest events of one tenant, without holes, ready to be sent. Whoever missed only these costs the database
 * nothing. A conversation that moves records an event, and so does a contact whose numbers become others in a way that
 * matters, so the place of its newest event is where it is now (GW4).
 */
export class RecentEvents {
  #events: RecentEvent[] = []
  readonly #whereabouts = new Map<string, Whereabouts>()
  /** Those of the events held that change what somebody may see; few. */
  #sightChanges: { readonly seq: number; readonly concerns: (who: Beholder) => boolean }[] = []
  /** `seq` of the last event before those that are held. */
  #before: number
  bytes = 0

  constructor(before: number) {
    this.#before = before
  }

  /** Whether everything after this `seq` is held. */
  covers(seq: number): boolean {
    return seq >= this.#before
  }

  /** The last `seq` that is not held: where a read that wants to reach back must end. */
  get before(): number {
    return this.#before
  }

  /** Whether an event after a `seq` that is covered changed what somebody may see. */
  sightChangedAfter(who: Beholder, seq: number): boolean {
    return this.#sightChanges.some((change) => change.seq > seq && change.concerns(who))
  }

  after(seq: number): readonly RecentEvent[] {
    return seq <= this.#before ? this.#events : this.#events.slice(seq - this.#before)
  }

  /** Takes the next events of the log. `headSeq` is the head that they were read at. Answers with what was taken. */
  append(events: readonly StoredEvent[], headSeq: number): readonly RecentEvent[] {
    const ready = events.map((event) => this.#hold(event, headSeq))
    for (const event of ready) this.#events.push(event)
    return ready
  }

  /** Takes events that come right before those held. */
  prepend(events: readonly StoredEvent[], headSeq: number): void {
    const older = events.filter((event) => event.seq <= this.#before)
    const [first] = older
    if (!first || older.at(-1)?.seq !== this.#before) return
    this.#events = [...older.map((event) => this.#hold(event, headSeq)), ...this.#events]
    this.#before = first.seq - 1
  }

  /** Forgets the oldest events beyond `most`. In steps, because each moves the whole array. */
  trim(most: number): void {
    const surplus = this.#events.length - most
    if (surplus < Math.max(1, most / 8)) return
    for (const event of this.#events.splice(0, surplus)) {
      this.bytes -= event.frame.length
      this.#before = event.seq
      const subject = subjectOf(event.scope)
      if (!event.whereabouts || subject === null) continue
      event.whereabouts.events -= 1
      if (event.whereabouts.events === 0) this.#whereabouts.delete(subject)
    }
    this.#sightChanges = this.#sightChanges.filter(({ seq }) => seq > this.#before)
  }

  get length(): number {
    return this.#events.length
  }

  #hold(event: StoredEvent, headSeq: number): RecentEvent {
    const frame = eventFrame(event)
    this.bytes += frame.length
    const concerns = sightChangeOf(event)
    if (concerns !== null) this.#sightChanges.push({ seq: event.seq, concerns })
    const subject = subjectOf(event.scope)
    const whereabouts = subject === null ? null : this.#locate(subject, event.place, headSeq)
    return { seq: event.seq, type: event.type, at: event.at, scope: event.scope, whereabouts, frame }
  }

  #locate(subject: string, place: StoredEvent['place'], asOf: number): Whereabouts {
    let known = this.#whereabouts.get(subject)
    if (!known) {
      known = { place, asOf, events: 0 }
      this.#whereabouts.set(subject, known)
    }
    if (asOf >= known.asOf) {
      known.place = place
      known.asOf = asOf
    }
    known.events += 1
    return known
  }
}

/** What an event hangs on, by a key of its own kind; null when it hangs on nothing that moves. */
function subjectOf(scope: Scope): string | null {
  const contactId = contactOf(scope)
  return contactId === null ? conversationOf(scope) : `contact ${contactId}`
}
