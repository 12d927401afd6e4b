import type { Duplex } from 'node:stream'
import pg from 'pg'
import { type Found, type ParserOf, type Statement, StatementRun } from './statement-run.ts'

/**
 * A connection whose statements of one turn leave in one packet: one system call here and one wakeup there instead of one per
 * statement. pg sends several without waiting (`pipeline`), but writes each by itself. Statements with a name go as
 * StatementRun has them.
 */
export class CorkedClient extends pg.Client {
  readonly #send: (...all: unknown[]) => unknown
  readonly #parserOf: ParserOf
  #corked = false

  constructor(config?: string | pg.ClientConfig) {
    super(config)
    this.#parserOf = this.getTypeParser.bind(this) as ParserOf
    this.#send = this.query.bind(this) as (...all: unknown[]) => unknown
    this.query = ((...all: unknown[]) => {
      const [asked, values, callback] = all
      if (isNamed(asked) && values === undefined) {
        const answer = this.#one(asked)
        // As the pool's own `query` asks.
        return typeof callback === 'function' ? settle(answer, callback as Callback) : answer
      }
      this.#cork()
      return this.#send(...all)
    }) as typeof this.query
  }

  /** Runs statements one behind the other under one Sync: the first that fails fails all. What each found, in their order. */
  run(statements: readonly Statement[], timeoutMs?: number): Promise<Found[]> {
    this.#cork()
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, found: Found[] = []) => (error ? reject(error) : resolve(found))
      this.#send(new StatementRun(statements, this.#parserOf, done, timeoutMs))
    })
  }

  async #one(statement: Statement & { readonly query_timeout?: number }): Promise<Found | undefined> {
    const [found] = await this.run([statement], statement.query_timeout)
    return found
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

type Callback = (error: unknown, found?: Found) => void

function settle(answer: Promise<Found | undefined>, callback: Callback): void {
  answer.then((found) => callback(null, found), callback)
}

function isNamed(asked: unknown): asked is Statement & { query_timeout?: number } {
  return typeof asked === 'object' && asked !== null && 'name' in asked && !('submit' in asked)
}
