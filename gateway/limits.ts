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

/** At most so many at a time; the others wait in the order they came. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}
