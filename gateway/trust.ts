import { stillWelcome } from '../src/auth/authenticate.ts'
import { whoseRoleChanged } from '../src/auth/audience.ts'
import type { FarewellCode } from '../src/contract/socket.ts'
import type { Deps } from '../src/deps.ts'
import type { StoredEvent } from '../src/log/stored-event.ts'
import type { EntryCache } from './entry-cache.ts'
import { Slots } from './limits.ts'
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
      if (event.type === 'user.updated' || event.type === 'user.disabled') {
        this.#cache.forget(tenantId)
        const { user } = JSON.parse(event.payload) as { user: { id: string } }
        const person = this.#people.find(tenantId, user.id)
        if (person) this.#check(person, whoseRoleChanged(event) !== null)
      } else if (event.type.startsWith('team.') || event.type === 'tenant.updated') {
        this.#cache.forget(tenantId)
        for (const person of this.#people.all()) if (person.tenantId === tenantId) this.#check(person)
      }
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

  /** `told`: an event says so. A session that came in behind the change has the new rights, but not what they show. */
  #check(person: Person, told = false): void {
    person.checkedAt = performance.now()
    void this.#lookups
      .run(() => this.#lookUp(person, told))
      .catch((error: unknown) => {
        // Nothing can be read or done while the database is away; the next sweep asks again.
        person.checkedAt = 0
        this.#deps.log.warn({ reason: String(error) }, 'rights cannot be looked up; asking again')
      })
  }

  async #lookUp(person: Person, told: boolean): Promise<void> {
    const [session] = person.sessions
    if (!session) return
    const actor = (await stillWelcome(this.#deps, session.actor)) as SessionActor | null
    for (const one of person.sessions) {
      if (!one.isPresent) continue
      if (actor && (one.become(actor) || told)) this.#hooks.changed(one)
      else if (!actor) this.#hooks.depart(one, 'access_revoked')
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
