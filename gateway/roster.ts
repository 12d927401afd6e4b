import { Audience, type Listeners, post, type Posting } from './audience.ts'
import { Delivery, framesOf, hears, sharedKey } from './delivery.ts'
import type { RecentEvent } from './recent-events.ts'
import type { Session } from './session.ts'

/** Gatherings that are kept, counted in sessions that they list, for each session that there is: a quarter of a KiB. */
const keptPerSession = 16

/** Everybody who hears the events of one key (gateway/delivery.ts); kept until somebody comes or goes. */
interface Gathering extends Listeners {
  readonly audiences: readonly Audience[]
}

interface Told {
  readonly audiences: readonly Audience[]
  readonly seq: number
}
const nothingYet: Told = { audiences: [], seq: 0 }

/**
 * The live sessions of one tail, and who of them hears what. What happens at one place is heard by the same people, so
 * they are gathered once, and a delivery walks over one array and looks at nobody's rights: between two events other
 * processes empty the caches, and each object that a delivery looks at costs some 80 ns. Whose rights become others
 * comes anew (`Tail.reset`), and that ends every gathering, as each arrival and departure does.
 */
export class Roster {
  readonly #audiences = new Map<string, Audience>()
  readonly #gatherings = new Map<string, Gathering>()
  #population = 0
  /** Sessions in all gatherings together, and one for each gathering. */
  #kept = 0
  /** Whom the newest event went to by a gathering, with its `seq`; their audiences learn it when it matters. */
  #newest: Told = nothingYet

  get sessions(): Session[] {
    return [...this.#audiences.values()].flatMap(({ sessions }) => sessions)
  }

  /** It hears everything after `seq`. */
  add(session: Session, seq: number): void {
    this.#disperse()
    let audience = this.#audiences.get(session.audienceKey)
    if (!audience) {
      audience = new Audience(session.audienceKey, session.actor, seq)
      this.#audiences.set(session.audienceKey, audience)
    }
    // More than there is was told when the log was set back.
    audience.told = Math.min(audience.told, seq)
    audience.add(session)
    this.#population += 1
  }

  remove(session: Session): void {
    const { audience } = session
    if (!audience) return
    this.#disperse()
    audience.remove(session)
    if (audience.sessions.length === 0) this.#audiences.delete(audience.key)
    this.#population -= 1
  }

  /** Hands everybody what they hear of events that were read together; answers with how many that were, over all of them. */
  deliver(events: readonly RecentEvent[], posting: Posting): number {
    const [first] = events
    const last = events.at(-1)
    if (!first || !last) return 0
    const key = sharedKey(events)
    if (key === null) return this.#deliverEach(new Delivery(events), posting)
    const gathering = this.#gatherings.get(key) ?? this.#gather(key, first)
    this.#newest = { audiences: gathering.audiences, seq: last.seq }
    post(gathering, framesOf(events), posting)
    return events.length * gathering.sessions.length
  }

  #gather(key: string, event: RecentEvent): Gathering {
    const audiences = [...this.#audiences.values()].filter(({ actor }) => hears(actor, event))
    const gathering = {
      audiences,
      sessions: audiences.flatMap(({ sessions }) => sessions),
      lines: audiences.flatMap(({ lines }) => lines),
    }
    this.#kept += weightOf(gathering)
    for (const [oldest, kept] of this.#gatherings) {
      if (this.#kept <= keptPerSession * this.#population) break
      this.#gatherings.delete(oldest)
      this.#kept -= weightOf(kept)
    }
    this.#gatherings.set(key, gathering)
    return gathering
  }

  #settle(): void {
    const { audiences, seq } = this.#newest
    for (const audience of audiences) audience.told = seq
    this.#newest = nothingYet
  }

  #disperse(): void {
    this.#settle()
    this.#gatherings.clear()
    this.#kept = 0
  }

  #deliverEach(delivery: Delivery, posting: Posting): number {
    this.#settle()
    let handed = 0
    for (const audience of this.#audiences.values()) {
      const { frames, count, last } = delivery.for(audience.actor)
      if (last > 0) audience.told = last
      if (delivery.concerns(audience)) handed += deliverToEach(audience, delivery, posting)
      else if (count > 0) {
        handed += count * audience.sessions.length
        post(audience, frames, posting)
      }
    }
    return handed
  }

  /** Writes to those who were told less than everything up to `seq`, which is what the frame says. */
  tellUpTo(seq: number, frame: () => Buffer, posting: Posting): void {
    this.#settle()
    let made: Buffer | undefined
    for (const audience of this.#audiences.values()) {
      if (audience.told >= seq) continue
      audience.told = seq
      post(audience, (made ??= frame()), posting)
    }
  }
}

const weightOf = ({ sessions }: Gathering) => sessions.length + 1

/** To an audience with somebody in it for whom there are events of their own. */
function deliverToEach(audience: Audience, delivery: Delivery, { mostBytes, slow }: Posting): number {
  let handed = 0
  // A copy, because whoever is slow leaves the audience meanwhile.
  for (const session of audience.sessions.slice()) {
    const { frames, count } = delivery.forOne(session.actor)
    if (count > 0 && !session.wire.offer(frames, mostBytes)) slow(session)
    handed += count
  }
  return handed
}
