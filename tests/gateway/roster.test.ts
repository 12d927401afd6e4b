import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { hears } from '../../gateway/delivery.ts'
import type { RecentEvent } from '../../gateway/recent-events.ts'
import { Roster } from '../../gateway/roster.ts'
import { Session, type SessionActor } from '../../gateway/session.ts'
import { Wire } from '../../gateway/wire.ts'
import type { ConversationPlace, Scope } from '../../src/log/scope.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'

const position = '|position'
const mostBytes = 1000

/** Somebody live, with a stream for a socket that takes nothing while it is stuck. */
class Listener {
  readonly session: Session
  #written = ''
  #taken: (() => void) | null = null
  isStuck = false
  /** What it must have been written, positions aside. */
  wanted = ''
  /** How many positions it must have been told. */
  positions = 0

  constructor(actor: SessionActor) {
    const line = new Writable({
      write: (chunk: Buffer, _encoding, taken) => {
        this.#written += chunk.toString()
        if (this.isStuck) this.#taken = taken
        else taken()
      },
    })
    this.session = new Session({
      socket: { id: actor.id } as never,
      wire: new Wire({ writeBuffer: [] } as never, line as never),
      entry: { actor, tenant: {} as never, expiresAt: new Date() } as never,
      person: {} as never,
    })
  }

  readOn(): void {
    this.isStuck = false
    this.#taken?.()
    this.#taken = null
  }

  check(): void {
    if (this.isStuck) return
    const [first = '', ...behind] = this.#written.split(position)
    expect([first + behind.join(''), behind.length]).toEqual([this.wanted, this.positions])
  }
}

const pick = <T>(random: () => number, all: readonly T[]): T => all[Math.floor(random() * all.length)] as T

function actorFrom(random: () => number): SessionActor {
  const id = pick(random, ['ana', 'ben', 'eva'])
  const known = {
    tenantId: 'main',
    id,
    name: id,
    role: pick(random, ['viewer', 'agent', 'agent', 'agent', 'manager', 'admin'] as const),
    teamIds: new Set(pick(random, [[], ['north'], ['north', 'south']])),
    closedChannelIds: new Set(pick(random, [[], [], ['line-2'], ['line-1', 'line-2']])),
  }
  if (random() < 0.7) return { ...known, kind: 'user', email: null, platformUserId: null }
  const scopes = pick(random, [[], ['record.read'], ['user.read', 'conversation.read'], ['channel.read']])
  return { ...known, kind: 'key', scopes, ratePerMinute: null }
}

const placeFrom = (random: () => number): ConversationPlace => ({
  channelId: pick(random, ['line-1', 'line-2', 'line-3', 'line-4', 'line-5', 'line-6']),
  assigneeId: pick(random, [null, 'ana', 'ben', 'eva']),
  teamId: pick(random, [null, 'north', 'south']),
})

function scopeFrom(random: () => number): Scope {
  const conversationId = `conversation-${Math.floor(random() * 60)}`
  if (random() < 0.6) return { kind: 'conversation', conversationId }
  return pick<Scope>(random, [
    { kind: 'tenant' },
    { kind: 'tenant', action: 'user.read' },
    { kind: 'tenant', action: 'channel.read' },
    { kind: 'managers' },
    { kind: 'admins' },
    { kind: 'user', userId: 'ana' },
    { kind: 'contact', contactId: 1 },
    { kind: 'lost-sight', conversationId, before: placeFrom(random) },
    { kind: 'owned', action: 'deal.read', ownerId: pick(random, [null, 'ben']) },
  ])
}

test('[GW4] [RGT21] a storm of arrivals, departures, other rights, moves and slow readers: each hears just what the policy allows then', () => {
  const random = seededRandom(stormSeed('roster'))
  const roster = new Roster()
  const live = new Set<Listener>()
  const places = new Map<string, { place: ConversationPlace | null; asOf: number; events: number }>()
  const whereaboutsOf = (scope: Scope) => {
    if (scope.kind === 'contact')
      return { place: { channelIds: pick(random, [[], ['line-1'], ['line-2']]) }, asOf: 1, events: 1 }
    if (scope.kind !== 'conversation' && scope.kind !== 'lost-sight') return null
    const known = places.get(scope.conversationId) ?? { place: placeFrom(random), asOf: 1, events: 1 }
    places.set(scope.conversationId, known)
    if (random() < 0.1) known.place = random() < 0.2 ? null : placeFrom(random)
    return known
  }
  let slow = 0
  const posting = () => ({
    mostBytes,
    isClear: random() < 0.9,
    slow: (session: Session) => {
      slow += 1
      roster.remove(session)
      const late = [...live].find((listener) => listener.session === session)
      expect(late?.isStuck).toBe(true)
      live.delete(late!)
    },
  })
  let seq = 0
  let frames = 0
  let heardAlone = 0
  /** What each audience was told last: by an event that all of it hears, by a position, or at its beginning. */
  const told = new Map<string, number>()
  const add = ({ session }: Listener) => {
    if (![...live].some((other) => other.session.audienceKey === session.audienceKey))
      told.set(session.audienceKey, seq)
    roster.add(session, seq)
  }
  const tell = () => {
    for (const listener of live) if (told.get(listener.session.audienceKey)! < seq) listener.positions += 1
    for (const key of told.keys()) told.set(key, seq)
    roster.tellUpTo(seq, () => Buffer.from(position), posting())
  }
  for (let step = 0; step < 4000; step++) {
    // Nobody comes or goes for a while, so that places pile up.
    const act = step % 800 < 200 ? random() : 0.24 + 0.76 * random()
    const somebody = pick(random, [...live])
    if (act < 0.06 || !somebody) {
      const listener = new Listener(actorFrom(random))
      add(listener)
      live.add(listener)
    } else if (act < 0.1) {
      roster.remove(somebody.session)
      live.delete(somebody)
    } else if (act < 0.14) {
      // Other rights: what Tail.reset does.
      somebody.session.become(actorFrom(random))
      roster.remove(somebody.session)
      live.delete(somebody)
      add(somebody)
      live.add(somebody)
    } else if (act < 0.16) somebody.isStuck = true
    else if (act < 0.2) somebody.readOn()
    else if (act < 0.215) {
      // The log was set back: what Tail's restart does.
      seq = Math.floor(random() * seq)
      const everybody = [...live]
      for (const listener of everybody) {
        roster.remove(listener.session)
        live.delete(listener)
        add(listener)
        live.add(listener)
      }
      for (const key of told.keys()) told.set(key, seq)
      // And something happened there that nobody hears.
      seq += 1
      tell()
    } else if (act < 0.24) {
      tell()
    } else {
      const scopes = Array.from({ length: random() < 0.7 ? 1 : 3 }, () => scopeFrom(random))
      const events = scopes.map((scope): RecentEvent => {
        seq += 1
        const frame = Buffer.from(`|${++frames}${'.'.repeat(random() < 0.05 ? mostBytes : 0)}`)
        return { seq, type: 'x', at: '', scope, whereabouts: whereaboutsOf(scope), frame }
      })
      let count = 0
      const late: Listener[] = []
      for (const listener of live) {
        const { actor, audienceKey, wire } = listener.session
        const heard = events.filter((event) => hears(actor, event))
        if (heard.length > 0 && wire.unsentBytes > mostBytes) late.push(listener)
        count += heard.length
        listener.wanted += heard.map(({ frame }) => frame.toString()).join('')
        for (const event of heard) if (event.scope.kind !== 'user') told.set(audienceKey, event.seq)
      }
      expect(roster.deliver(events, posting())).toBe(count)
      expect(late.filter((listener) => live.has(listener))).toEqual([])
      if (events.length === 1) heardAlone += count
    }
    for (const listener of live) listener.check()
  }
  expect(new Set(roster.sessions)).toEqual(new Set([...live].map(({ session }) => session)))
  expect([heardAlone > 1000, slow > 0]).toEqual([true, true])
})
