import { mayHear } from '../src/auth/audience.ts'
import type { Audience } from './audience.ts'
import type { RecentEvent } from './recent-events.ts'
import type { SessionActor } from './session.ts'

export function hears(actor: SessionActor, event: RecentEvent): boolean {
  return mayHear(actor, event.scope, event.whereabouts?.place ?? null)
}

/**
 * Events with the same key are heard by the same actors, so that whoever gathered the hearers of one has those of the next:
 * it holds all that `mayHear` asks of them. null for scopes that ask for more than a conversation's place; they are few.
 */
export function hearersKey({ scope, whereabouts }: RecentEvent): string | null {
  switch (scope.kind) {
    case 'tenant':
      return `tenant ${scope.action}`
    case 'managers':
    case 'admins':
      return scope.kind
    case 'conversation': {
      const place = whereabouts?.place
      return place && 'channelId' in place ? `${place.channelId} ${place.assigneeId} ${place.teamId}` : null
    }
    default:
      return null
  }
}

/** `hearersKey` of all of these events when it is the same: then everybody hears all of them or none. Else null. */
export function sharedKey(events: readonly RecentEvent[]): string | null {
  let shared: string | null = null
  for (const [place, event] of events.entries()) {
    const key = hearersKey(event)
    if (key === null || (place > 0 && key !== shared)) return null
    shared = key
  }
  return shared
}

/** The frames of events, for one write. */
export function framesOf(events: readonly RecentEvent[]): Buffer {
  const [only, another] = events
  return only && !another ? only.frame : Buffer.concat(events.map((event) => event.frame))
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

  /** Whether somebody of the audience hears events of their own. */
  concerns({ sessions }: Audience): boolean {
    return this.#userIds.size > 0 && sessions.some(({ actor }) => this.#userIds.has(actor.id))
  }

  /** What everybody of an audience hears. */
  for(actor: SessionActor): Heard {
    return this.#heard(this.#events.filter((event) => event.scope.kind !== 'user' && hears(actor, event)))
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
      heard = { frames: framesOf(events), count: events.length, last: last.seq }
      this.#made.set(key, heard)
    }
    return heard
  }
}
