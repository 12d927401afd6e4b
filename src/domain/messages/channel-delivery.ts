import { setTimeout as pause } from 'node:timers/promises'
import { type ChannelKey, type ClaimedSend, claimSends, releaseSends } from './claim-sends.ts'
import { type PerformDeps, performSend, readChannel } from './perform-send.ts'
import { recordOutcome } from './record-outcome.ts'

/** Longest timer that is worth setting; the sweep looks again before. */
const longestTimerMs = 60_000
/** After a claim that failed (the database is away), look again this much later. */
const retryClaimMs = 1_000

/**
 * The sends of one number in this process, over time: takes what is due, calls the network for up to SEND_CONCURRENCY
 * messages at once, records what came of them, and goes on until nothing is due; then it sleeps until the next one is, or
 * until somebody wakes it. Other processes may work on the same number: the claim keeps them apart.
 */
export class ChannelDelivery {
  readonly #deps: PerformDeps
  readonly #channel: ChannelKey
  readonly #claimToken: string
  readonly #underWay = new Map<string, ClaimedSend>()
  #unclear = 0
  #running: Promise<number> | undefined
  #again = false
  #closed = false
  #timer: NodeJS.Timeout | undefined

  constructor(deps: PerformDeps, channel: ChannelKey, claimToken: string) {
    this.#deps = deps
    this.#channel = channel
    this.#claimToken = claimToken
  }

  /** Attempts whose outcome is still to come. */
  get underWay(): readonly string[] {
    return [...this.#underWay.keys()]
  }

  /** Nothing is under way and no time is waited for. */
  get idle(): boolean {
    return this.#underWay.size === 0 && this.#running === undefined && this.#timer === undefined
  }

  /** Something may be due. Settles when what was due is claimed, with how much that was; sending goes on behind it. */
  wake(): Promise<number> {
    if (this.#closed) return Promise.resolve(0)
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#again = true
    this.#running ??= this.#claimAll()
    return this.#running
  }

  /** Takes nothing more. Settles when every outcome is recorded; a claim that was on its way is given back. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#running
    while (this.#underWay.size > 0) await new Promise<void>((resolve) => this.#onSettled.push(resolve))
  }
  readonly #onSettled: (() => void)[] = []

  async #claimAll(): Promise<number> {
    let claimed = 0
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        claimed += await this.#claimOnce()
      } catch (error) {
        this.#deps.log.warn({ reason: String(error), ...this.#channel }, 'sends could not be claimed')
        this.#sleep(retryClaimMs)
      }
    }
    // In the same turn as the last look at `#again`, so that no wake falls between the two.
    this.#running = undefined
    return claimed
  }

  async #claimOnce(): Promise<number> {
    const { SEND_CONCURRENCY: most, SEND_RESERVED_PERCENT: reserved } = this.#deps.config
    const all = most - this.#underWay.size
    if (all <= 0) return 0
    const bulkUnderWay = [...this.#underWay.values()].filter((send) => send.priority > 0).length
    const bulk = Math.max(1, Math.floor((most * (100 - reserved)) / 100)) - bulkUnderWay
    const claim = await claimSends(this.#deps, this.#channel, this.#claimToken, { all, bulk })
    if (this.#closed && claim.sends.length > 0) {
      await releaseSends(this.#deps, this.#channel.tenantId, claim.sends)
      return 0
    }
    if (claim.sends.length > 0) {
      const channel = readChannel(this.#deps, this.#channel)
      for (const send of claim.sends) void this.#carryOut(send, channel)
    }
    if (claim.again || claim.sends.length > 0) this.#again = true
    else if (claim.dueInMs !== null) this.#sleep(claim.dueInMs)
    return claim.sends.length
  }

  #sleep(ms: number): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        void this.wake()
      },
      Math.max(1, Math.min(ms, longestTimerMs)),
    )
  }

  async #carryOut(send: ClaimedSend, channel: ReturnType<typeof readChannel>): Promise<void> {
    this.#underWay.set(send.attemptId, send)
    try {
      const outcome = await performSend(this.#deps, send, channel)
      const clear = outcome.kind === 'accepted' || outcome.kind === 'refused'
      const vague = outcome.kind === 'unknown' || (outcome.kind === 'later' && outcome.scope === 'message')
      this.#unclear = clear ? 0 : this.#unclear + (vague ? 1 : 0)
      const tripped = vague && this.#unclear >= this.#deps.config.SEND_BREAKER_FAILURES
      await this.#record({ send, outcome, tripped })
    } finally {
      this.#underWay.delete(send.attemptId)
      for (const settled of this.#onSettled.splice(0)) settled()
      void this.wake()
    }
  }

  /**
   * What the network answered must not be lost because our database was away for a moment: tried again until the lease
   * would have run out; after that the message is `unknown` and a later status settles it.
   */
  async #record(report: Parameters<typeof recordOutcome>[1]): Promise<void> {
    const end = performance.now() + this.#deps.config.SEND_LEASE_MS
    for (let wait = 50; ; wait = Math.min(wait * 2, 2_000)) {
      try {
        const recorded = await recordOutcome(this.#deps, report)
        if (recorded === 'fenced')
          this.#deps.log.warn(
            { attemptId: report.send.attemptId },
            'an outcome came too late and was refused',
          )
        return
      } catch (error) {
        const { attemptId } = report.send
        if (performance.now() > end) {
          this.#deps.log.error(
            { err: error, attemptId, outcome: report.outcome.kind },
            'an outcome could not be recorded',
          )
          return
        }
        this.#deps.log.warn({ reason: String(error), attemptId }, 'an outcome waits to be recorded')
        await pause(wait)
      }
    }
  }
}
