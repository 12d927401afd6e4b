import type { Session, SessionActor } from './session.ts'
import type { Wire } from './wire.ts'

/**
 * Sessions that are written the same. Their TCP sockets lie in an array of their own: most deliveries look at nothing
 * else, and every object more is a cache miss per socket and event.
 */
export interface Listeners {
  readonly sessions: readonly Session[]
  /** At the same places as their sessions. */
  readonly lines: readonly Wire['tcp'][]
}

/** How a delivery writes. */
export interface Posting {
  /** Whoever has more unsent bytes is not written to, but given to `slow`. */
  readonly mostBytes: number
  /** Whether Engine.IO holds nothing back for anybody, so that writing to the TCP socket overtakes nothing. */
  readonly isClear: boolean
  readonly slow: (session: Session) => void
}

/** Live sessions that hear exactly the same, events for a single user aside. */
export class Audience implements Listeners {
  readonly key: string
  readonly actor: SessionActor
  sessions: Session[] = []
  lines: Wire['tcp'][] = []
  /** `seq` up to which all of them were told, by an event or a watermark. */
  told: number

  constructor(key: string, actor: SessionActor, told: number) {
    this.key = key
    this.actor = actor
    this.told = told
  }

  add(session: Session): void {
    session.audience = this
    session.placeInAudience = this.sessions.length
    this.sessions = grown(this.sessions, session)
    this.lines = grown(this.lines, session.wire.tcp)
  }

  /** The last one takes the place of the one that goes. */
  remove(session: Session): void {
    const place = session.placeInAudience
    const last = this.sessions.pop()
    const line = this.lines.pop()
    if (last && line && last !== session) {
      this.sessions[place] = last
      this.lines[place] = line
      last.placeInAudience = place
    }
    session.audience = null
  }
}

/** Writes to all of them. Who listens is open (gateway/farewell.ts), which nothing here looks at. */
export function post({ sessions, lines }: Listeners, frames: Buffer, posting: Posting): void {
  const { mostBytes, isClear, slow } = posting
  if (isClear && allKeepUp(lines, mostBytes)) {
    for (const line of lines) line.write(frames)
    return
  }
  const late = sessions.filter(({ wire }) => !wire.offer(frames, mostBytes))
  // Afterwards, because whoever is given away leaves its place.
  for (const session of late) slow(session)
}

/**
 * Whether nobody has more unsent. Asked of all before the first is written to, because a loop as short as this one lets
 * the processor fetch several sockets at a time; asked between the writes, each would be a cache miss to wait for.
 */
function allKeepUp(lines: Listeners['lines'], mostBytes: number): boolean {
  for (const line of lines) if (line.writableLength > mostBytes) return false
  return true
}

/** With one more. An array that grows by `push` reserves 17 places, and most audiences are one person's tabs. */
function grown<T>(all: T[], one: T): T[] {
  if (all.length < 8) return [...all, one]
  all.push(one)
  return all
}
