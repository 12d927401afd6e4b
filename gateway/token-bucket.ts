/** What an instance lets pass: `perSecond` on average, `burst` at once. Costs nothing while nobody asks. */
export class TokenBucket {
  #tokens: number
  #at = 0

  constructor(burst: number) {
    this.#tokens = burst
  }

  /** Takes one token at `now` (monotonic milliseconds): 0 when there was one, else how long until there is, in milliseconds. */
  take(now: number, perSecond: number, burst: number): number {
    if (this.#at > 0) this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) * perSecond) / 1000)
    this.#at = now
    if (this.#tokens >= 1) {
      this.#tokens -= 1
      return 0
    }
    return Math.ceil(((1 - this.#tokens) * 1000) / perSecond)
  }
}
