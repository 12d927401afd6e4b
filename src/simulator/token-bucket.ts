/** Lets `perSecond` things through in a second, and as many at once after a pause. */
export class TokenBucket {
  readonly #perSecond: number
  #tokens: number
  #atMs = performance.now()

  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond
  }

  take(): boolean {
    const nowMs = performance.now()
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#perSecond)
    this.#atMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
