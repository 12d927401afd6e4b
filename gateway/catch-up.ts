import { mayHear, sightChangeOf } from '../src/auth/audience.ts'
import { formatPosition, parsePosition, type Position } from '../src/contract/position.ts'
import { type Hello, type Reset } from '../src/contract/socket.ts'
import { protocolVersion } from '../src/contract/version.ts'
import type { Deps } from '../src/deps.ts'
import { readEvents } from '../src/log/read.ts'
import type { Page } from '../src/log/stored-event.ts'
import { eventFrame } from './frames.ts'
import type { Slots } from '../src/platform/slots.ts'
import { noticeFrame, type Session } from './session.ts'
import type { Tail } from './tail.ts'

/** Most bytes that a replay hands over before it waits for the client to take them. */
const chunkBytes = 256 * 1024

type Reason = Reset['reason']

/**
 * Greets a session, gives it what it missed since `asked` and lets it go live: hello, missed events, caught-up. Whoever
 * cannot be caught up gets `reset` and is live from the head. `asked` is what the client gave as its position;
 * undefined means "from now on".
 *
 * What the tail holds in memory comes from there; a gap to it of at most SOCKET_TAIL_EVENTS is read once for everybody;
 * who is further behind reads pages of its own, SOCKET_REPLAYS at a time, each after the one before was taken.
 */
export async function catchUp(
  deps: Deps,
  replays: Slots,
  tail: Tail,
  session: Session,
  asked: string | undefined,
): Promise<void> {
  const from = parsePosition(asked)
  if (from && isAhead(tail, from)) await tail.refresh()
  const refused: Reason | undefined =
    asked === undefined ? undefined : from ? unreachable(deps, tail, from) : 'invalid'
  const start = from && !refused ? from : tail.position
  const stream = new Outgoing(session, noticeFrame('hello', hello(deps, session, start)))
  if (refused) return giveUp(deps, tail, stream, refused)
  await replay(deps, replays, tail, stream, start)
}

/** Frames for one session that leave in as few writes as possible. */
class Outgoing {
  readonly session: Session
  #waiting: Buffer[]

  constructor(session: Session, first: Buffer) {
    this.session = session
    this.#waiting = [first]
  }

  add(frames: Buffer): void {
    if (frames.length > 0) this.#waiting.push(frames)
  }

  flush(): void {
    this.session.wire.write(
      this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting),
    )
    this.#waiting = []
  }
}

async function replay(
  deps: Deps,
  replays: Slots,
  tail: Tail,
  stream: Outgoing,
  start: Position,
): Promise<void> {
  const { session } = stream
  let at = start
  while (session.isPresent) {
    session.phase = { state: 'catching-up', at }
    // Pages of its own come from the log, which may be further than what this tail has heard of.
    if (isAhead(tail, at)) await tail.refresh()
    const refused = session.mustReset ? 'access_changed' : unreachable(deps, tail, at)
    if (refused) return giveUp(deps, tail, stream, refused)
    if (tail.covers(at.seq)) {
      if (tail.sightChangedAfter(session.actor, at.seq)) return giveUp(deps, tail, stream, 'access_changed')
      if (isTooOld(deps, tail.committedAfter(at.seq))) return giveUp(deps, tail, stream, 'too_far')
      const missed = tail.missedAfter(session, at.seq, chunkBytes)
      stream.add(missed.frames)
      deps.metrics.replayEvents.inc(missed.count)
      at = { epoch: at.epoch, seq: missed.upTo }
      // No turn of the event loop lies between these two, so nothing can be delivered in between.
      if (at.seq === tail.position.seq) return arrive(deps, tail, stream, 'ok')
      stream.flush()
      await session.wire.drained()
    } else if (tail.position.seq - at.seq <= deps.config.SOCKET_TAIL_EVENTS) {
      const gone = await tail.reachBack(at.seq)
      if (gone) return giveUp(deps, tail, stream, gone)
    } else {
      const next = await replays.run(() => ownPage(deps, stream, at))
      if (typeof next === 'string') return giveUp(deps, tail, stream, next)
      at = next
    }
  }
}

/** One page read for one session and handed over; holds its slot until the client took it, so pages cannot pile up. */
async function ownPage(deps: Deps, stream: Outgoing, at: Position): Promise<Position | Reason> {
  const { session } = stream
  if (!session.isPresent || session.mustReset) return at
  const { REPLAY_PAGE, REPLAY_EVENTS } = deps.config
  const page: Page | Reason = await readEvents(deps, session.tenant.id, at, REPLAY_PAGE, REPLAY_EVENTS)
  if (typeof page === 'string') return page
  const [first] = page.events
  if (first && isTooOld(deps, Date.parse(first.at))) return 'too_far'
  let reached = at
  if (session.mustReset) return at
  if (page.events.some((event) => sightChangeOf(event)?.(session.actor))) return 'access_changed'
  for (const event of page.events) {
    reached = { epoch: event.epoch, seq: event.seq }
    if (!mayHear(session.actor, event.scope, event.place)) continue
    stream.add(eventFrame(event))
    deps.metrics.replayEvents.inc()
  }
  stream.flush()
  await session.wire.drained()
  return reached
}

function arrive(deps: Deps, tail: Tail, stream: Outgoing, result: 'ok' | 'reset'): void {
  if (!stream.session.isPresent) return
  stream.session.mustReset = false
  stream.add(noticeFrame('caught-up', { position: formatPosition(tail.position) }))
  stream.flush()
  tail.goLive(stream.session)
  deps.metrics.replays.inc({ result })
}

function giveUp(deps: Deps, tail: Tail, stream: Outgoing, reason: Reason): void {
  stream.add(noticeFrame('reset', { reason, position: formatPosition(tail.position) }))
  deps.metrics.resets.inc({ reason })
  arrive(deps, tail, stream, 'reset')
}

/** Another gateway, or the log itself, may have told the client more than this tail has read so far. */
function isAhead(tail: Tail, position: Position): boolean {
  return position.epoch !== tail.position.epoch || position.seq > tail.position.seq
}

function unreachable(deps: Deps, tail: Tail, position: Position): Reason | undefined {
  if (position.epoch !== tail.position.epoch) return 'epoch'
  if (position.seq > tail.position.seq) return 'future'
  return tail.position.seq - position.seq > deps.config.REPLAY_EVENTS ? 'too_far' : undefined
}

function isTooOld(deps: Deps, committedAt: number | undefined): boolean {
  return (
    committedAt !== undefined &&
    deps.clock.now().getTime() - committedAt > deps.config.REPLAY_HOURS * 3_600_000
  )
}

function hello(deps: Deps, session: Session, position: Position): Hello {
  const { config } = deps
  const { actor, tenant } = session
  return {
    protocol: protocolVersion,
    session: session.id,
    position: formatPosition(position),
    user: { id: actor.id, name: actor.name, role: actor.role },
    tenant,
    limits: {
      frameBytes: config.SOCKET_FRAME_BYTES,
      commandsPerSecond: config.SOCKET_COMMANDS_PER_SECOND,
      textCharacters: config.TEXT_CHARACTERS,
      mediaBytes: config.MEDIA_BYTES,
    },
  }
}
