import type { Beholder } from '../src/auth/audience.ts'
import { formatPosition, type Position } from '../src/contract/position.ts'
import type { Reset } from '../src/contract/socket.ts'
import { pagesOf } from '../src/log/news.ts'
import { readEvents, readHead, type Unreadable } from '../src/log/read.ts'
import type { Page, StoredEvent } from '../src/log/stored-event.ts'
import type { Deps } from '../src/deps.ts'
import type { Posting } from './audience.ts'
import { hears } from './delivery.ts'
import { type RecentEvent, RecentEvents } from './recent-events.ts'
import { Roster } from './roster.ts'
import { noticeFrame, type Session } from './session.ts'

/** What somebody missed, as far as it fits. */
export interface Missed {
  /** Frames of the events that it may hear; empty when there are none. */
  readonly frames: Buffer
  readonly count: number
  /** Everything up to here was considered. */
  readonly upTo: number
}

export interface TailHooks {
  /** Events were read, before they are delivered. */
  passed(tenantId: string, events: readonly StoredEvent[]): void
  /** A session does not take what it was sent. */
  readonly slow: (session: Session) => void
  /** Whether Engine.IO may be holding packets back for somebody. */
  readonly holdsBack: () => boolean
}

/**
 * The end of one tenant's log, read once for all of its sockets here. Bell, poll and newcomers wake the same drain;
 * wakes that overlap collapse. Delivery happens in the turn of the event loop in which the position moves, so a session
 * that turns live in between neither misses nor repeats an event (GW2).
 */
export class Tail {
  readonly tenantId: string
  position: Position
  /** Sockets of this tenant here, in whatever phase. */
  population = 0
  /** When the last one left, monotonic milliseconds. */
  emptySince = performance.now()
  /** When the log was last read or its head compared, monotonic milliseconds. */
  checkedAt = performance.now()
  /** Since when it has heard everything, monotonic milliseconds. */
  readonly openedAt: number
  readonly #deps: Deps
  readonly #hooks: TailHooks
  readonly #bufferBytes: number
  readonly #roster = new Roster()
  #recent: RecentEvents
  #missed = new Map<string, Missed>()
  #draining: Promise<void> | undefined
  #again = false
  #reaching: Promise<Unreadable | null> | undefined

  private constructor(deps: Deps, hooks: TailHooks, tenantId: string, head: Position) {
    this.#deps = deps
    this.#hooks = hooks
    this.#bufferBytes = deps.config.SOCKET_BUFFER_BYTES
    this.tenantId = tenantId
    this.position = head
    this.#recent = new RecentEvents(head.seq)
    this.openedAt = performance.now()
  }

  /** Begins at the head. Fails with `unavailable` when the database does not answer. */
  static async open(deps: Deps, hooks: TailHooks, tenantId: string): Promise<Tail> {
    return new Tail(deps, hooks, tenantId, await readHead(deps, tenantId))
  }

  get isDraining(): boolean {
    return this.#draining !== undefined
  }

  get bytes(): number {
    return this.#recent.bytes
  }

  /**
   * A bell rang and took this along. It is taken only where it continues the position exactly, and never while a read is
   * under way; what is behind the position is known already, and for anything else the log is asked (GW18).
   */
  hear(news: readonly string[]): void {
    const pages = news.length > 0 ? pagesOf(news) : []
    if (pages.length === 0) return this.wake()
    for (const page of pages) {
      const { epoch, seq } = this.position
      if (page.head.epoch === epoch && page.head.seq <= seq) continue
      if (this.isDraining || page.head.epoch !== epoch || page.events[0]?.seq !== seq + 1) return this.wake()
      this.#take(page, 'bell')
    }
  }

  /** Look now. Never fails: what cannot be read now is found by the next poll. */
  wake(): void {
    this.refresh().catch((error: unknown) => {
      this.#deps.log.warn(
        { tenantId: this.tenantId, reason: String(error) },
        'the log cannot be read; polling on',
      )
    })
  }

  /** Settles after a read that began after this call. Fails when the database does not answer. */
  refresh(): Promise<void> {
    this.#again = true
    this.#draining ??= this.#drain()
    return this.#draining
  }

  async #drain(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false
        const page = await readEvents(this.#deps, this.tenantId, this.position, this.#deps.config.REPLAY_PAGE)
        this.checkedAt = performance.now()
        if (typeof page === 'string') {
          await this.#restart(page)
          continue
        }
        this.#take(page, 'log')
        if (page.head.seq > this.position.seq) this.#again = true
      }
    } finally {
      // In the turn of the last look at `again`, so that no wake falls between the two.
      this.#draining = undefined
    }
  }

  /** The events right behind the position: it moves behind them, and they are delivered in this very turn. */
  #take(page: Page, from: 'bell' | 'log'): void {
    const last = page.events.at(-1)
    if (!last) return
    this.#deps.metrics.tailPages.inc({ from })
    this.#hooks.passed(this.tenantId, page.events)
    this.position = { epoch: last.epoch, seq: last.seq }
    this.#missed.clear()
    this.#deliver(this.#recent.append(page.events, page.head.seq))
    this.#recent.trim(this.#deps.config.SOCKET_TAIL_EVENTS)
  }

  /** The past is not what it was: a restore, or a log trimmed under us. Everybody starts from a snapshot. */
  async #restart(reason: Unreadable): Promise<void> {
    this.position = await readHead(this.#deps, this.tenantId)
    this.#recent = new RecentEvents(this.position.seq)
    this.#missed.clear()
    this.#deps.log.warn(
      { tenantId: this.tenantId, reason, position: formatPosition(this.position) },
      'the log went on elsewhere',
    )
    for (const session of this.#roster.sessions) this.reset(session, reason)
  }

  /** Forget, fetch a snapshot, go on from the head; the session is live from there. */
  reset(session: Session, reason: Reset['reason']): void {
    session.say('reset', { reason, position: formatPosition(this.position) })
    this.goLive(session)
    this.#deps.metrics.resets.inc({ reason })
  }

  /** From now on it hears what the tail hears. Everything before must have been written already. */
  goLive(session: Session): void {
    this.leave(session)
    session.phase = { state: 'live' }
    this.#roster.add(session, this.position.seq)
  }

  /** It hears nothing any more. */
  leave(session: Session): void {
    this.#roster.remove(session)
  }

  #deliver(events: readonly RecentEvent[]): void {
    const now = Date.now()
    const handed = this.#roster.deliver(events, this.#posting())
    const { commitToEmit, eventsEmitted } = this.#deps.metrics
    for (const event of events) commitToEmit.observe(Math.max(0, now - Date.parse(event.at)) / 1000)
    eventsEmitted.inc(handed)
  }

  #posting(): Posting {
    const { slow, holdsBack } = this.#hooks
    return { mostBytes: this.#bufferBytes, isClear: !holdsBack(), slow }
  }

  /** Tells those who heard less than was considered for them how far they are. */
  tellWatermarks(): void {
    const frame = () => noticeFrame('position', { position: formatPosition(this.position) })
    this.#roster.tellUpTo(this.position.seq, frame, this.#posting())
  }

  /** Whether the events after this `seq` are in memory. */
  covers(seq: number): boolean {
    return this.#recent.covers(seq)
  }

  /** Whether something after a `seq` that is covered changed what somebody may see. */
  sightChangedAfter(who: Beholder, seq: number): boolean {
    return this.#recent.sightChangedAfter(who, seq)
  }

  /**
   * What this actor missed after a `seq` that is covered, at most about `mostBytes` of it. Those who come back together
   * missed the same, so the answer is kept until the next event.
   */
  missedAfter(session: Session, seq: number, mostBytes: number): Missed {
    const key = `${seq} ${session.audienceKey}`
    const known = this.#missed.get(key)
    if (known) return known
    const frames: Buffer[] = []
    let bytes = 0
    let upTo = seq
    let personal = false
    for (const event of this.#recent.after(seq)) {
      if (bytes > 0 && bytes + event.frame.length > mostBytes) break
      upTo = event.seq
      personal ||= event.scope.kind === 'user'
      if (!hears(session.actor, event)) continue
      frames.push(event.frame)
      bytes += event.frame.length
    }
    const missed = { frames: Buffer.concat(frames), count: frames.length, upTo }
    if (!personal && this.#missed.size < 100) this.#missed.set(key, missed)
    return missed
  }

  /** When the first event after a covered `seq` was committed. */
  committedAfter(seq: number): number | undefined {
    const first = this.#recent.after(seq)[0]
    return first && Date.parse(first.at)
  }

  /**
   * Reads the events between `seq` and those in memory, once for everybody who wants them. Answers with the reason when
   * they are not there any more.
   */
  async reachBack(seq: number): Promise<Unreadable | null> {
    while (!this.covers(seq)) {
      const other = this.#reaching
      if (other) {
        await other.catch(() => null)
        continue
      }
      this.#reaching = this.#reach(seq).finally(() => {
        this.#reaching = undefined
      })
      const reason = await this.#reaching
      if (reason) return reason
    }
    return null
  }

  async #reach(from: number): Promise<Unreadable | null> {
    const recent = this.#recent
    const { epoch } = this.position
    const found: StoredEvent[] = []
    let headSeq = 0
    let at = from
    while (at < recent.before) {
      const page = await readEvents(
        this.#deps,
        this.tenantId,
        { epoch, seq: at },
        this.#deps.config.REPLAY_PAGE,
      )
      if (typeof page === 'string') return page
      const last = page.events.at(-1)
      if (!last) return 'future'
      // The oldest read decides how new the places are that it brings.
      headSeq ||= page.head.seq
      for (const event of page.events) found.push(event)
      at = last.seq
    }
    recent.prepend(found, headSeq)
    this.#missed.clear()
    return null
  }

  /** Gives memory back; the events are in the database. */
  forgetOldest(): void {
    this.#recent.trim(Math.floor(this.#recent.length / 2))
    this.#missed.clear()
  }
}
