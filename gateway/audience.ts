import { mayHear } from '../src/auth/audience.ts'
import type { RecentEvent } from './recent-events.ts'
import type { Session, SessionActor } from './session.ts'
import type { Wire } from './wire.ts'

export function hears(actor: SessionActor, event: RecentEvent): boolean {
  return mayHear(actor, event.scope, event.whereabouts?.place ?? null)
}

/** How a delivery writes. */
export interface Posting {
  /** Whoever has more unsent bytes is not written to, but given to `slow`. */
  readonly mostBytes: number
  /** Whether Engine.IO holds nothing back for anybody, so that writing to the TCP socket overtakes nothing. */
  readonly isClear: boolean
  readonly slow: (session: Session) => void
}

/**
 * Live sessions that hear exactly the same, events for a single user aside. Their TCP sockets lie in an array of their
 * own: most deliveries look at nothing else, and every object more is a cache miss per socket and event.
 */
export class Audience {
  readonly key: string
  readonly actor: SessionActor
  sessions: Session[] = []
  #lines: Wire['tcp'][] = []
  /** `seq` up to which all of them were told, by an event or a watermark. */
  told: number

  constructor(key: string, actor: SessionActor, told: number) {
    this.key = key
    this.actor = actor
    this.told = told
  }

  add(session: Session): void {
    session.audience = this
    session.placeInAudience = this.sessions.length
    this.sessions = grown(this.sessions, session)
    this.#lines = grown(this.#lines, session.wire.tcp)
  }

  /** The last one takes the place of the one that goes. */
  remove(session: Session): void {
    const place = session.placeInAudience
    const last = this.sessions.pop()
    const line = this.#lines.pop()
    if (last && line && last !== session) {
      this.sessions[place] = last
      this.#lines[place] = line
      last.placeInAudience = place
    }
    session.audience = null
  }

  /** Writes to all of them. Who listens is open (gateway/farewell.ts), which nothing here looks at. */
  post(frames: Buffer, { mostBytes, isClear, slow }: Posting): void {
    let late: Session[] | undefined
    for (let place = 0; place < this.#lines.length; place++) {
      const line = this.#lines[place] as Wire['tcp']
      if (isClear && line.writableLength <= mostBytes) line.write(frames)
      else {
        const session = this.sessions[place] as Session
        if (!session.wire.offer(frames, mostBytes)) (late ??= []).push(session)
      }
    }
    // Afterwards, because whoever is given away leaves this audience.
    for (const session of late ?? []) slow(session)
  }
}

/** What somebody hears of a read: the frames, how many events they are, and the `seq` of the last; 0 when there is none. */
interface Heard {
  readonly frames: Buffer
  readonly count: number
  readonly last: number
}
const unheard: Heard = { frames: Buffer.alloc(0), count: 0, last: 0 }

/** Events of one read on their way, with the frames of those who hear the same of them made once. */
export class Delivery {
  readonly #events: readonly RecentEvent[]
  readonly #made = new Map<string, Heard>()
  /** Those who hear events of their own. */
  readonly #userIds: ReadonlySet<string>

  constructor(events: readonly RecentEvent[]) {
    this.#events = events
    this.#userIds = new Set(events.flatMap(({ scope }) => (scope.kind === 'user' ? [scope.userId] : [])))
  }

  /** What everybody of an audience hears. */
  for(actor: SessionActor): Heard {
    return this.#heard(this.#events.filter((event) => event.scope.kind !== 'user' && hears(actor, event)))
  }

  /** Whether somebody of the audience hears events of their own. */
  concerns({ sessions }: Audience): boolean {
    return this.#userIds.size > 0 && sessions.some(({ actor }) => this.#userIds.has(actor.id))
  }

  /** What one single actor hears, in the order of the log. */
  forOne(actor: SessionActor): Heard {
    return this.#heard(this.#events.filter((event) => hears(actor, event)))
  }

  #heard(events: readonly RecentEvent[]): Heard {
    const last = events.at(-1)
    if (!last) return unheard
    const key = events.length === this.#events.length ? 'all' : events.map((event) => event.seq).join(' ')
    let heard = this.#made.get(key)
    if (!heard) {
      const frames = events.length === 1 ? last.frame : Buffer.concat(events.map((event) => event.frame))
      heard = { frames, count: events.length, last: last.seq }
      this.#made.set(key, heard)
    }
    return heard
  }
}

/** With one more. An array that grows by `push` reserves 17 places, and most audiences are one person's tabs. */
function grown<T>(all: T[], one: T): T[] {
  if (all.length < 8) return [...all, one]
  all.push(one)
  return all
}
