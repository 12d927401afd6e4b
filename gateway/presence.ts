import type { Server } from 'socket.io'
import { can } from '../src/auth/can.ts'
import type { EphemeralEvents } from '../src/contract/socket.ts'
import type { Session } from './session.ts'
import { renewalMs, type Signs } from './signs.ts'

type State = EphemeralEvents['presence']['state']

/**
 * Changes are told together once a second, and no more than so many of a tenant, or a storm of arrivals would tell
 * everybody about everybody: so many changes, and fewer when many sockets hear them (5 µs each), but always some.
 */
const flushMs = 1000
const changesPerFlush = { most: 50, least: 5, deliveries: 25_000 }
/** Whoever is back within this time was never away. */
const graceMs = 5000

interface Here {
  /** What each socket of the user says. */
  readonly sockets: Map<Session, State>
  leftAt: number
}

interface Company {
  /** Kept, because every socket in it holds the name. */
  readonly room: string
  readonly users: Map<string, Here>
  /** What was last told, or found in Redis, of everybody in the tenant. */
  readonly told: Map<string, State>
  readonly changed: Set<string>
}

/**
 * Who is online, counted over all sockets of a user on all gateways. A sign of life, not a fact: it travels by Redis
 * only, may be lost, and is rebuilt from what the gateways know.
 */
export class Presence {
  readonly #io: Server
  readonly #signs: Signs
  readonly #companies = new Map<string, Company>()
  readonly #timers: NodeJS.Timeout[]

  constructor(io: Server, signs: Signs) {
    this.#io = io
    this.#signs = signs
    this.#timers = [
      setInterval(() => void this.#flush(), flushMs),
      setInterval(() => void this.#compare(), renewalMs),
    ]
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  arrive(session: Session): void {
    const { actor } = session
    if (actor.kind !== 'user' || !can(actor, 'user.read')) return
    const company = this.#companies.get(session.tenant.id) ?? {
      room: room(session.tenant.id),
      users: new Map(),
      told: new Map(),
      changed: new Set(),
    }
    this.#companies.set(session.tenant.id, company)
    void session.socket.join(company.room)
    const here = company.users.get(actor.id) ?? { sockets: new Map(), leftAt: 0 }
    company.users.set(actor.id, here)
    here.sockets.set(session, 'online')
    company.changed.add(actor.id)
  }

  leave(session: Session): void {
    const company = this.#companies.get(session.tenant.id)
    const here = company?.users.get(session.actor.id)
    if (!company || !here?.sockets.delete(session)) return
    here.leftAt = performance.now()
    company.changed.add(session.actor.id)
  }

  /** What a socket says of its user; answers with everybody who is not offline. */
  async set(session: Session, state: State): Promise<{ users: EphemeralEvents['presence'][] }> {
    const company = this.#companies.get(session.tenant.id)
    const here = company?.users.get(session.actor.id)
    if (company && here?.sockets.has(session)) {
      here.sockets.set(session, state)
      company.changed.add(session.actor.id)
    }
    const said = await this.#signs.read(key(session.tenant.id))
    if (here)
      said.set(session.actor.id, [...(said.get(session.actor.id) ?? []), summary([...here.sockets.values()])])
    return { users: [...said].map(([userId, states]) => ({ userId, state: summary(states) })) }
  }

  async #flush(): Promise<void> {
    const now = performance.now()
    for (const [tenantId, company] of this.#companies) {
      const due = [...company.changed].filter((userId) => isSettled(company.users.get(userId), now))
      if (due.length === 0) continue
      const some = due.slice(0, this.#changesFor(tenantId))
      for (const userId of some) {
        company.changed.delete(userId)
        const states = [...(company.users.get(userId)?.sockets.values() ?? [])]
        if (states.length === 0) company.users.delete(userId)
        this.#signs.say(key(tenantId), userId, states.length === 0 ? null : summary(states))
      }
      const said = await this.#signs.read(key(tenantId))
      for (const userId of some) this.#tell(tenantId, company, userId, summary(said.get(userId) ?? []), false)
      if (company.users.size === 0 && company.changed.size === 0) this.#companies.delete(tenantId)
    }
  }

  #changesFor(tenantId: string): number {
    const { most, least, deliveries } = changesPerFlush
    const sockets = this.#io.of('/').adapter.rooms.get(room(tenantId))?.size ?? 1
    return Math.max(least, Math.min(most, Math.floor(deliveries / sockets)))
  }

  /** Renews what is said here, and finds what no gateway told: one that died cannot say goodbye. */
  async #compare(): Promise<void> {
    this.#signs.renew()
    for (const [tenantId, company] of this.#companies) {
      const said = await this.#signs.read(key(tenantId))
      for (const userId of new Set([...said.keys(), ...company.told.keys()]))
        this.#tell(tenantId, company, userId, summary(said.get(userId) ?? []), true)
    }
  }

  #tell(tenantId: string, company: Company, userId: string, state: State, onlyHere: boolean): void {
    if ((company.told.get(userId) ?? 'offline') === state) return
    if (state === 'offline') company.told.delete(userId)
    else company.told.set(userId, state)
    const change: EphemeralEvents['presence'] = { userId, state }
    const to = this.#io.to(room(tenantId))
    void (onlyHere ? to.local : to).emit('presence', change)
  }
}

const room = (tenantId: string): string => `tenant:${tenantId}`
const key = (tenantId: string): string => `presence:${tenantId}`

function isSettled(here: Here | undefined, now: number): boolean {
  return here === undefined || here.sockets.size > 0 || now - here.leftAt > graceMs
}

/** One state for all sockets: the most present one. */
function summary(states: readonly string[]): State {
  for (const state of ['online', 'busy', 'away'] as const) if (states.includes(state)) return state
  return 'offline'
}
