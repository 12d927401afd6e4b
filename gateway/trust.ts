import { stillWelcome } from '../src/auth/authenticate.ts'
import { sightChangeOf } from '../src/auth/audience.ts'
import type { EventData } from '../src/contract/events/catalogue.ts'
import type { FarewellCode } from '../src/contract/socket.ts'
import type { Deps } from '../src/deps.ts'
import type { StoredEvent } from '../src/log/stored-event.ts'
import type { EntryCache } from './entry-cache.ts'
import { Slots } from '../src/platform/slots.ts'
import type { People } from './people.ts'
import type { Person, Session, SessionActor } from './session.ts'

/** Lookups of rights under way; a change of a team concerns everybody at once. */
const lookupsAtATime = 8

export interface TrustHooks {
  depart(session: Session, code: FarewellCode): void
  /** It may hear other things than before. */
  changed(session: Session): void
}

/**
 * Whether those who were let in may stay: looked up again at once when the log says that rights changed, every
 * SOCKET_TRUST_MS without that, and a token's end is watched (GW10, GW11).
 */
export class Trust {
  readonly #deps: Deps
  readonly #people: People
  readonly #cache: EntryCache
  readonly #hooks: TrustHooks
  readonly #lookups = new Slots(lookupsAtATime)

  constructor(deps: Deps, people: People, cache: EntryCache, hooks: TrustHooks) {
    this.#deps = deps
    this.#people = people
    this.#cache = cache
    this.#hooks = hooks
  }

  /** Events of a tenant on their way to its sockets. */
  passed(tenantId: string, events: readonly StoredEvent[]): void {
    for (const event of events) {
      if (event.type === 'user.signed_out') {
        this.#cache.forget(tenantId)
        this.#signedOut(tenantId, JSON.parse(event.payload) as EventData<'user.signed_out'>)
        continue
      }
      const concerns = sightChangeOf(event)
      const people = this.#concernedBy(tenantId, event, concerns)
      if (people === null) continue
      this.#cache.forget(tenantId)
      for (const person of people) {
        person.sightChanged ||= concerns !== null
        this.#check(person)
      }
    }
  }

  /** Whose rights an event changes; null when it is not about rights. */
  #concernedBy(
    tenantId: string,
    event: StoredEvent,
    concerns: ReturnType<typeof sightChangeOf>,
  ): Person[] | null {
    switch (event.type) {
      case 'user.updated':
      case 'user.disabled': {
        const { user } = JSON.parse(event.payload) as EventData<'user.updated'>
        return this.#named(tenantId, user.id)
      }
      case 'key.revoked': {
        const { key } = JSON.parse(event.payload) as EventData<'key.revoked'>
        return this.#named(tenantId, key.id)
      }
      case 'tenant.updated':
        return this.#everybodyOf(tenantId)
      default:
        return concerns && this.#everybodyOf(tenantId).filter((person) => isConcerned(person, concerns))
    }
  }

  #named(tenantId: string, id: string): Person[] {
    const person = this.#people.find(tenantId, id)
    return person === undefined ? [] : [person]
  }

  #everybodyOf(tenantId: string): Person[] {
    return [...this.#people.all()].filter((person) => person.tenantId === tenantId)
  }

  #signedOut(tenantId: string, { userId, sessionIds }: EventData<'user.signed_out'>): void {
    for (const session of this.#people.find(tenantId, userId)?.sessions ?? []) {
      const signIn = signInOf(session)
      if (signIn !== undefined && sessionIds.includes(signIn)) this.#hooks.depart(session, 'access_revoked')
    }
  }

  /** `now` is monotonic, in milliseconds. */
  sweep(now: number): void {
    for (const person of this.#people.all()) {
      if (now - person.checkedAt > this.#deps.config.SOCKET_TRUST_MS) this.#check(person)
      for (const session of person.sessions) this.#watchToken(session)
    }
  }

  /** A session's actor is another one now: with a new token, or after a lookup. */
  become(session: Session, actor: SessionActor): void {
    if (session.become(actor)) this.#hooks.changed(session)
  }

  /** One lookup of a person at a time: of two, the one that saw less could answer last, and its answer would stay. */
  #check(person: Person): void {
    person.checkedAt = performance.now()
    person.lookUpAgain = true
    if (person.isLookedUp) return
    person.isLookedUp = true
    const all = async (): Promise<void> => {
      while (person.lookUpAgain) {
        person.lookUpAgain = false
        await this.#lookUp(person)
      }
    }
    void this.#lookups
      .run(all)
      .finally(() => {
        person.isLookedUp = false
      })
      .catch((error: unknown) => {
        // Nothing can be read or done while the database is away; the next sweep asks again.
        person.checkedAt = Number.NEGATIVE_INFINITY
        this.#deps.log.warn({ reason: String(error) }, 'rights cannot be looked up; asking again')
      })
  }

  /** A session that came in behind a change has the new rights, but not what they show; so it starts anew, too. */
  async #lookUp(person: Person): Promise<void> {
    const told = person.sightChanged
    // What is told while this lookup is under way is for the one that it begins.
    person.sightChanged = false
    try {
      for (const sessions of Map.groupBy(person.sessions, signInOf).values())
        await this.#judge(sessions, told)
    } catch (error) {
      person.sightChanged ||= told
      throw error
    }
  }

  async #judge(sessions: readonly Session[], told: boolean): Promise<void> {
    const [first] = sessions
    if (!first) return
    const actor = (await stillWelcome(this.#deps, first.actor)) as SessionActor | null
    for (const session of sessions) {
      if (!session.isPresent) continue
      if (actor && (session.become(actor) || told)) this.#hooks.changed(session)
      else if (!actor) this.#hooks.depart(session, 'access_revoked')
    }
  }

  #watchToken(session: Session): void {
    const now = this.#deps.clock.now().getTime()
    const { JWT_LEEWAY, SOCKET_RENEW_MS } = this.#deps.config
    if (now >= session.expiresAt + JWT_LEEWAY * 1000) this.#hooks.depart(session, 'token_expired')
    else if (
      !session.askedToRenew &&
      now >= session.expiresAt - SOCKET_RENEW_MS &&
      session.phase.state === 'live'
    ) {
      session.askedToRenew = true
      session.say('renew', { expiresAt: new Date(session.expiresAt).toISOString() })
    }
  }
}

/** The sign-in by password that a socket belongs to; undefined with a token of others, or a key. */
function signInOf({ actor }: Session): string | undefined {
  return actor.kind === 'user' ? actor.sessionId : undefined
}

/** Sessions of one person have the same id, and may differ in what was known when they came. */
function isConcerned(person: Person, concerns: NonNullable<ReturnType<typeof sightChangeOf>>): boolean {
  for (const { actor } of person.sessions) if (concerns(actor)) return true
  return false
}
