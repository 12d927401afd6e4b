import type { Duplex } from 'node:stream'
import pg from 'pg'

/**
 * A connection whose statements of one turn leave in one packet: one system call here and one wakeup there instead of one per
 * statement. pg sends several without waiting (`pipeline`), but writes each by itself.
 */
export class CorkedClient extends pg.Client {
  #corked = false

  constructor(config?: string | pg.ClientConfig) {
    super(config)
    const send = this.query.bind(this) as (...all: unknown[]) => unknown
    this.query = ((...all: unknown[]) => {
      this.#cork()
      return send(...all)
    }) as typeof this.query
  }

  #cork(): void {
    if (this.#corked) return
    // Of pg, but not in its types.
    const { stream } = (this as unknown as { connection: { stream: Duplex } }).connection
    this.#corked = true
    stream.cork()
    // After the microtasks, so that what other promises of this turn send goes along.
    process.nextTick(() => {
      this.#corked = false
      stream.uncork()
    })
  }
}
