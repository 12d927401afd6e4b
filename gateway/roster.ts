import { Audience, type Listeners, post, type Posting } from './audience.ts'
import { Delivery, framesOf, hears, sharedKey } from './delivery.ts'
import type { RecentEvent } from './recent-events.ts'
import type { Session } from './session.ts'

/** Most gatherings of hearers that are kept per tenant: one per place where something happens again and again. */
const mostGatherings = 32

/** Everybody who hears the events of one key (gateway/delivery.ts); kept until somebody comes or goes, or positions are told. */
interface Gathering extends Listeners {
  readonly audiences: readonly Audience[]
  /** `seq` of the last event that they heard by this gathering; their audiences learn it when it ends. */
  told: number
}

/**
 * The live sessions of one tail, and who of them hears what. What happens at one place is heard by the same people, so
 * they are gathered once, and a delivery walks over one array and looks at nobody's rights: between two events other
 * processes empty the caches, and each object that a delivery looks at costs some 80 ns.
 */
export class Roster {
  readonly #audiences = new Map<string, Audience>()
  readonly #gatherings = new Map<string, Gathering>()

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
    audience.add(session)
  }

  remove(session: Session): void {
    const { audience } = session
    if (!audience) return
    this.#disperse()
    audience.remove(session)
    if (audience.sessions.length === 0) this.#audiences.delete(audience.key)
  }

  /** Hands everybody what they hear of events that were read together; answers with how many that were, over all of them. */
  deliver(events: readonly RecentEvent[], posting: Posting): number {
    const [first] = events
    const last = events.at(-1)
    if (!first || !last) return 0
    const key = sharedKey(events)
    if (key === null) return this.#deliverEach(new Delivery(events), posting)
    const gathering = this.#gatherings.get(key) ?? this.#gather(key, first)
    gathering.told = last.seq
    const handed = events.length * gathering.sessions.length
    post(gathering, framesOf(events), posting)
    return handed
  }

  #gather(key: string, event: RecentEvent): Gathering {
    const audiences = [...this.#audiences.values()].filter(({ actor }) => hears(actor, event))
    const gathering = {
      audiences,
      sessions: audiences.flatMap(({ sessions }) => sessions),
      lines: audiences.flatMap(({ lines }) => lines),
      told: 0,
    }
    const [oldest] = this.#gatherings.keys()
    if (oldest !== undefined && this.#gatherings.size >= mostGatherings) this.#end(oldest)
    this.#gatherings.set(key, gathering)
    return gathering
  }

  #end(key: string): void {
    const { audiences, told } = this.#gatherings.get(key) as Gathering
    for (const audience of audiences) audience.told = Math.max(audience.told, told)
    this.#gatherings.delete(key)
  }

  #disperse(): void {
    for (const key of this.#gatherings.keys()) this.#end(key)
  }

  #deliverEach(delivery: Delivery, posting: Posting): number {
    let handed = 0
    for (const audience of this.#audiences.values()) {
      const { frames, count, last } = delivery.for(audience.actor)
      audience.told = Math.max(audience.told, last)
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
    this.#disperse()
    let made: Buffer | undefined
    for (const audience of this.#audiences.values()) {
      if (audience.told >= seq) continue
      audience.told = seq
      post(audience, (made ??= frame()), posting)
    }
  }
}

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
