import { audienceKey } from '../src/auth/audience.ts'
import type { Entry, TenantFacts } from '../src/auth/entry.ts'
import type { Position } from '../src/contract/position.ts'
import type { FarewellCode, Notices, Reset } from '../src/contract/socket.ts'
import { emitFrame } from './frames.ts'
import type { TokenBucket } from './token-bucket.ts'
import type { Socket } from 'socket.io'
import type { Wire } from './wire.ts'

export type SessionActor = Entry['actor']

/**
 * Where a session stands. Catching up: it gets its own reads from `at` on. Live: its position is its tail's, and it
 * hears what the tail hears. Leaving: it was told why (or is gone) and gets nothing any more.
 */
export type Phase =
  | { readonly state: 'catching-up'; readonly at: Position }
  | { readonly state: 'live' }
  | { readonly state: 'leaving'; readonly reason: FarewellCode | 'gone' }

/** The part of gateway/tail.ts that a session needs to know. */
export interface Tail {
  leave(session: Session): void
  reset(session: Session, reason: Reset['reason']): void
}

/** The part of gateway/audience.ts that a session needs to know. */
export interface Audience {
  readonly key: string
  readonly sessions: readonly Session[]
  remove(session: Session): void
}

/** One socket's commands: how many it may give, and the line in which they wait for each other. */
export interface Desk {
  readonly allowance: TokenBucket
  readonly patience: TokenBucket
  line: Promise<void>
  waiting: number
}

/** A user or key with open sockets on this instance, over all of them. */
export interface Person {
  readonly key: string
  readonly tenantId: string
  readonly sessions: Set<Session>
  readonly commands: TokenBucket
  /** Of a key with a rate of its own, once it gave a command. */
  keyCommands: TokenBucket | null
  /** When its rights were last looked up, monotonic milliseconds. */
  checkedAt: number
  /** An event says that it sees other things, and no lookup has succeeded since: its sessions start anew after the next. */
  sightChanged: boolean
  /** A lookup is under way; another one is wanted behind it. */
  isLookedUp: boolean
  lookUpAgain: boolean
}

/** Somebody trusted on an open socket. Kept small: an instance holds ten thousand of these. */
export class Session {
  readonly socket: Socket
  readonly wire: Wire
  readonly tenant: TenantFacts
  readonly person: Person
  actor: SessionActor
  /** Who hears exactly what this session hears shares this key. */
  audienceKey: string
  /** End of its token, milliseconds since 1970. */
  expiresAt: number
  tail: Tail | null = null
  /** What its commands need, once it gave one. */
  desk: Desk | null = null
  /** Where it listens while it is live. */
  audience: Audience | null = null
  placeInAudience = 0
  phase: Phase = { state: 'catching-up', at: { epoch: 1, seq: 0 } }
  /** What it may hear changed while it was catching up: what it was sent so far no longer adds up. */
  mustReset = false
  /** Whether it was asked for a new token since it brought the present one. */
  askedToRenew = false

  constructor(parts: { socket: Socket; wire: Wire; entry: Entry; person: Person }) {
    this.socket = parts.socket
    this.wire = parts.wire
    this.person = parts.person
    this.tenant = parts.entry.tenant
    this.actor = parts.entry.actor
    this.audienceKey = audienceKey(parts.entry.actor)
    this.expiresAt = parts.entry.expiresAt.getTime()
  }

  /** Its public name; changes with every connection. */
  get id(): string {
    return this.socket.id
  }

  /** Whether it still gets what happens. */
  get isPresent(): boolean {
    return this.phase.state !== 'leaving'
  }

  say<Name extends keyof Notices>(name: Name, notice: Notices[Name]): void {
    this.wire.write(noticeFrame(name, notice))
  }

  /** The actor as it is now; answers whether it hears other things than before. */
  become(actor: SessionActor): boolean {
    this.actor = actor
    const key = audienceKey(actor)
    const changed = key !== this.audienceKey
    this.audienceKey = key
    return changed
  }
}

export function noticeFrame<Name extends keyof Notices>(name: Name, notice: Notices[Name]): Buffer {
  return emitFrame(name, JSON.stringify(notice))
}
