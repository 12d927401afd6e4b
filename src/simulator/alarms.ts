/** Things that happen later, all of which can be called off. */
export class Alarms {
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #haste: number
  #stopped = false

  constructor(haste: number) {
    this.#haste = haste
  }

  /** `haste` times as fast as asked. */
  after(ms: number, then: () => void): void {
    this.exactly(ms / this.#haste, then)
  }

  /** At its time, whatever the haste. */
  exactly(ms: number, then: () => void): void {
    if (this.#stopped) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      then()
    }, ms)
    this.#timers.add(timer)
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
