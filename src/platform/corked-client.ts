import type { Duplex } from 'node:stream'
import pg from 'pg'
import { type Found, type ParserOf, type Statement, StatementRun } from './statement-run.ts'

const { prepareValue } = (pg as unknown as { utils: { prepareValue: (value: unknown) => unknown } }).utils

/** The values of a statement as they are sent. Throws for one that cannot be. */
export function sendable({ values = [] }: Statement): unknown[] {
  return values.map(prepareValue)
}

/** A connection of our pools. */
export type Connection = pg.PoolClient & Pick<CorkedClient, 'ask'>

interface Asked {
  readonly statement: Statement
  readonly resolve: (found: Found) => void
  readonly reject: (error: Error) => void
}

/**
 * A connection whose statements of one turn leave in one packet: one system call here and one wakeup there instead of one per
 * statement. pg sends several without waiting (`pipeline`), but writes each by itself. What is asked by `ask` comes back
 * in one packet too.
 */
export class CorkedClient extends pg.Client {
  readonly #send: (...all: unknown[]) => unknown
  readonly #parserOf: ParserOf
  #asked: Asked[] = []
  #corked = false

  constructor(config?: string | pg.ClientConfig) {
    super(config)
    this.#parserOf = this.getTypeParser.bind(this) as ParserOf
    this.#send = this.query.bind(this) as (...all: unknown[]) => unknown
    this.query = ((...all: unknown[]) => {
      this.#sendAsked()
      this.#cork()
      return this.#send(...all)
    }) as typeof this.query
  }

  /**
   * Runs one statement of a transaction. Those of one turn go under one Sync, in their order: what stands behind the first
   * that fails is not done and fails for the same reason. Outside a transaction what stands before it is taken back as well; so
   * whoever asks there asks one at a time.
   */
  ask(statement: Statement): Promise<Found> {
    let values: unknown[]
    try {
      values = sendable(statement)
    } catch (error) {
      // Of a value that cannot be sent nobody else hears, and nothing was asked.
      return Promise.reject(error as Error)
    }
    if (this.#asked.length === 0) process.nextTick(() => this.#sendAsked())
    return new Promise((resolve, reject) =>
      this.#asked.push({ statement: { ...statement, values }, resolve, reject }),
    )
  }

  #sendAsked(): void {
    const asked = this.#asked
    if (asked.length === 0) return
    this.#asked = []
    const settle = (error: Error | null, found: readonly Found[] = []): void => {
      for (const [place, { resolve, reject }] of asked.entries()) {
        const one = found[place]
        if (one) resolve(one)
        else reject(error ?? new Error('a statement was not answered'))
      }
      // For what StatementRun lets go of too: by its promises the rows could still be reached.
      asked.length = 0
    }
    const statements = asked.map(({ statement }) => statement)
    this.#cork()
    this.#send(new StatementRun(statements, this.#parserOf, settle))
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
