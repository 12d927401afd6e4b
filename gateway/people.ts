import { TokenBucket } from './token-bucket.ts'
import type { Person, Session, SessionActor } from './session.ts'

/** Everybody who is here. */
export class People {
  readonly #people = new Map<string, Person>()
  readonly #commandsBurst: number

  constructor(commandsBurst: number) {
    this.#commandsBurst = commandsBurst
  }

  /** The person behind an actor, made when it is the first socket. */
  of(actor: SessionActor, now: number): Person {
    const key = personKey(actor.tenantId, actor.id)
    let person = this.#people.get(key)
    if (!person) {
      person = {
        key,
        tenantId: actor.tenantId,
        sessions: new Set(),
        commands: new TokenBucket(this.#commandsBurst),
        keyCommands: null,
        checkedAt: now,
        sightChanged: false,
        isLookedUp: false,
        lookUpAgain: false,
      }
      this.#people.set(key, person)
    }
    return person
  }

  find(tenantId: string, id: string): Person | undefined {
    return this.#people.get(personKey(tenantId, id))
  }

  all(): Iterable<Person> {
    return this.#people.values()
  }

  leave(session: Session): void {
    const { person } = session
    person.sessions.delete(session)
    if (person.sessions.size === 0 && this.#people.get(person.key) === person) this.#people.delete(person.key)
  }
}

const personKey = (tenantId: string, id: string): string => `${tenantId} ${id}`
