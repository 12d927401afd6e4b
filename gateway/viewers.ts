import type { Server } from 'socket.io'
import { mayHear } from '../src/auth/audience.ts'
import { can, permit } from '../src/auth/can.ts'
import { Failure } from '../src/contract/errors.ts'
import type { EphemeralEvents } from '../src/contract/socket.ts'
import type { Deps } from '../src/deps.ts'
import { readPlace } from '../src/log/read.ts'
import type { StoredEvent } from '../src/log/stored-event.ts'
import type { Composing } from './composing.ts'
import { conversationIn, roomOf } from './rooms.ts'
import type { Session } from './session.ts'
import type { Signs } from './signs.ts'

/** Typing that is not said again is over after so long. */
const typingMs = 10_000

/**
 * Who has a conversation on screen and who writes in it, told to those who have it on screen too. Entering the room of
 * a conversation takes the right to see it, and losing sight of it takes one out again.
 */
export class Viewers {
  readonly #deps: Deps
  readonly #io: Server
  readonly #signs: Signs
  readonly #composing: Composing
  /** Rooms that a session is in, oldest first. */
  readonly #rooms = new Map<Session, Set<string>>()
  readonly #sessions = new Map<string, Set<Session>>()
  readonly #typing = new Map<string, { session: Session; conversationId: string; until: number }>()

  constructor(deps: Deps, io: Server, signs: Signs, composing: Composing) {
    this.#deps = deps
    this.#io = io
    this.#signs = signs
    this.#composing = composing
  }

  /** Puts a conversation on a session's screen; answers with who else has it there. */
  async view(
    session: Session,
    conversationId: string,
  ): Promise<{ viewers: { userId: string; name: string }[] }> {
    await this.#permit(session, conversationId)
    if (!session.isPresent) return { viewers: [] }
    const room = roomOf(session.tenant.id, conversationId)
    const rooms = this.#rooms.get(session) ?? new Set()
    if (!rooms.has(room)) {
      const isFirst = !this.#isHere(session, room)
      rooms.add(room)
      this.#rooms.set(session, rooms)
      if (!this.#sessions.has(room)) this.#composing.open(session.tenant.id, room)
      this.#sessions.set(room, (this.#sessions.get(room) ?? new Set()).add(session))
      await session.socket.join(room)
      if (isFirst) {
        this.#signs.say(room, session.actor.id, session.actor.name)
        this.#tell(session, 'viewing', room, { ...who(session), conversationId, viewing: true })
      }
      const [oldest] = rooms
      if (rooms.size > this.#deps.config.SOCKET_VIEWS && oldest) this.#leaveRoom(session, oldest)
    }
    const found = await this.#signs.read(room)
    found.delete(session.actor.id)
    return { viewers: [...found].map(([userId, [name = '']]) => ({ userId, name })) }
  }

  leave(session: Session, conversationId: string): void {
    this.#leaveRoom(session, roomOf(session.tenant.id, conversationId))
  }

  leaveAll(session: Session): void {
    for (const room of this.#rooms.get(session) ?? []) this.#leaveRoom(session, room)
  }

  async typing(session: Session, conversationId: string, typing: boolean): Promise<void> {
    permit(session.actor, 'message.send')
    const room = roomOf(session.tenant.id, conversationId)
    if (!this.#rooms.get(session)?.has(room)) await this.#permit(session, conversationId)
    if (!session.isPresent) return
    this.#sayTyping(session, conversationId, typing)
  }

  /** Ends typing that was not renewed. `now` is monotonic, in milliseconds. */
  sweep(now: number): void {
    for (const { session, conversationId, until } of this.#typing.values())
      if (until <= now) this.#sayTyping(session, conversationId, false)
  }

  /** Events of a tenant on their way to its sockets: whoever lost sight of a conversation leaves its room. */
  passed(tenantId: string, events: readonly StoredEvent[]): void {
    for (const event of events) {
      if (event.scope.kind !== 'lost-sight') continue
      const { conversationId } = event.scope
      const room = roomOf(tenantId, conversationId)
      for (const session of this.#sessions.get(room) ?? [])
        if (!mayHear(session.actor, { kind: 'conversation', conversationId }, event.place))
          this.#leaveRoom(session, room)
    }
  }

  async #permit(session: Session, conversationId: string): Promise<void> {
    if (session.actor.kind !== 'user') throw new Failure('forbidden')
    const place = await readPlace(this.#deps, session.tenant.id, conversationId)
    if (!place || !can(session.actor, 'conversation.read', place)) throw new Failure('not_found')
  }

  #leaveRoom(session: Session, room: string): void {
    const rooms = this.#rooms.get(session)
    if (!rooms?.delete(room)) return
    if (rooms.size === 0) this.#rooms.delete(session)
    const sessions = this.#sessions.get(room)
    sessions?.delete(session)
    if (sessions?.size === 0) {
      this.#sessions.delete(room)
      this.#composing.close(session.tenant.id, room)
    }
    void session.socket.leave(room)
    const conversationId = conversationIn(room)
    this.#sayTyping(session, conversationId, false)
    if (this.#isHere(session, room)) return
    this.#signs.say(room, session.actor.id, null)
    this.#tell(session, 'viewing', room, { ...who(session), conversationId, viewing: false })
  }

  /** Whether another socket of the same user here has it on screen. */
  #isHere(session: Session, room: string): boolean {
    for (const other of this.#sessions.get(room) ?? []) if (other.actor.id === session.actor.id) return true
    return false
  }

  #sayTyping(session: Session, conversationId: string, typing: boolean): void {
    const room = roomOf(session.tenant.id, conversationId)
    const key = `${room} ${session.actor.id}`
    const was = this.#typing.has(key)
    if (typing) this.#typing.set(key, { session, conversationId, until: performance.now() + typingMs })
    else this.#typing.delete(key)
    if (typing || was) this.#tell(session, 'typing', room, { ...who(session), conversationId, typing })
  }

  /** Not volatile: of two that follow each other within a tick, Socket.IO would drop the second. */
  #tell<Name extends 'typing' | 'viewing'>(
    session: Session,
    name: Name,
    room: string,
    event: EphemeralEvents[Name],
  ): void {
    this.#io.to(room).except(session.socket.id).emit(name, event)
  }
}

const who = (session: Session) => ({ userId: session.actor.id, name: session.actor.name })
