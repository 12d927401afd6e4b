import type { Writable } from 'node:stream'
import type pg from 'pg'
import { serialize } from 'pg-protocol'

/** What a statement found. */
export interface Found {
  readonly rows: Record<string, unknown>[]
  /** Rows that it returned or changed; null where the server says none. */
  readonly rowCount: number | null
  /** The first word of what it did: SELECT, COMMIT. */
  readonly command: string
}

/** A statement with a name is parsed once per connection, and said once what its rows look like. Values are texts, bytes or null. */
export type Statement = Pick<pg.QueryConfig, 'name' | 'text' | 'values'>

/** A connection as pg drives it, which its types tell little of. */
interface Wire {
  readonly stream: Writable
  readonly parsedStatements: Record<string, string>
  /** Sent to be parsed, and not answered yet. */
  readonly submittedNamedStatements: Record<string, string>
}

type Parser = (text: string) => unknown
/** Makes a value of the text of one type. */
export type ParserOf = (oid: number, format: 'text') => Parser

/** How the rows of a statement are read. */
interface Columns {
  readonly names: readonly string[]
  readonly parsers: readonly Parser[]
}

const noColumns: Columns = { names: [], parsers: [] }

/** By connection and name: while a statement is prepared its columns stay what they are, or it fails. */
const known = new WeakMap<Wire, Map<string, Columns>>()

/**
 * Statements that pg sends under one Sync, so that the server answers once and skips the rest after the first that fails. In
 * place of pg's own query, which makes objects, timers and promises per statement and has each described anew: a
 * third of what a short read costs this process (docs/measurements.md).
 *
 * To be given to `client.query`, which sets `callback` and a limit of time around it.
 */
export class StatementRun {
  /** With what was found, up to the statement that failed. */
  callback: (error: Error | null, found?: readonly Found[]) => void
  readonly #parserOf: ParserOf
  #statements: readonly Statement[]
  #found: Found[] = []
  #wire: Wire | undefined
  #columns: Columns | undefined
  #rows: Record<string, unknown>[] = []
  #fault: Error | undefined

  constructor(
    statements: readonly Statement[],
    parserOf: ParserOf,
    callback: (error: Error | null, found?: readonly Found[]) => void,
  ) {
    this.#statements = statements
    this.#parserOf = parserOf
    this.callback = callback
  }

  /** Of the statement that is being answered: pg notes under it what is parsed. */
  get name(): string | undefined {
    return this.#statements[this.#found.length]?.name
  }

  get text(): string | undefined {
    return this.#statements[this.#found.length]?.text
  }

  /** Sends everything. */
  submit(wire: Wire): null {
    this.#wire = wire
    this.#begin()
    const parts = this.#statements.flatMap((one) => messagesOf(wire, one))
    parts.push(serialize.sync())
    // One piece: gathered by the stream, each piece would cost what this copy costs.
    wire.stream.write(Buffer.concat(parts))
    return null
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.#columns = {
      names: fields.map(({ name }) => name),
      parsers: fields.map(({ dataTypeID }) => this.#parserOf(dataTypeID, 'text')),
    }
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    const { names, parsers } = this.#columns ?? noColumns
    const row: Record<string, unknown> = {}
    try {
      for (let place = 0; place < names.length; place++) {
        const text = fields[place]
        row[names[place] as string] =
          text === null || text === undefined ? null : (parsers[place] as Parser)(text)
      }
    } catch (error) {
      this.#fault ??= error as Error
    }
    this.#rows.push(row)
  }

  handleCommandComplete({ text }: { text: string }): void {
    const { name } = this
    if (name !== undefined && this.#wire) remember(this.#wire, name, this.#columns ?? noColumns)
    const words = text.split(' ')
    const rows = Number(words.at(-1))
    this.#found.push({
      rows: this.#rows,
      rowCount: Number.isNaN(rows) ? null : rows,
      command: words[0] ?? '',
    })
    this.#begin()
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: '' })
  }

  handleError(error: Error): void {
    // What stands behind it in the line was never parsed.
    for (const { name } of this.#statements.slice(this.#found.length))
      if (name !== undefined && this.#wire) delete this.#wire.submittedNamedStatements[name]
    this.callback(error, this.#found)
  }

  /**
   * Hands over what was found and lets go of it. pg writes a function into `callback`, which V8 therefore takes for a method and
   * puts where only a full collection looks; by it all runs stay until then, and what they hold would be copied there too.
   */
  handleReadyForQuery(): void {
    const found = this.#fault ? [] : this.#found
    this.#found = []
    this.#rows = []
    this.#statements = []
    this.callback(this.#fault ?? null, found)
  }

  #begin(): void {
    const { name } = this
    this.#rows = []
    this.#columns = name === undefined || !this.#wire ? undefined : known.get(this.#wire)?.get(name)
  }
}

/** What is sent of one statement: what the connection does not know of it yet, its values, and that it is to be done. */
function messagesOf(wire: Wire, { name = '', text, values = [] }: Statement): Buffer[] {
  const parts: Buffer[] = []
  if (!isParsed(wire, name)) {
    parts.push(serialize.parse({ name, text }))
    if (name !== '') wire.submittedNamedStatements[name] = text
  }
  parts.push(serialize.bind({ statement: name, values }))
  if (!known.get(wire)?.has(name)) parts.push(serialize.describe({ type: 'P' }))
  parts.push(serialize.execute())
  return parts
}

function isParsed(wire: Wire, name: string): boolean {
  return name !== '' && (wire.parsedStatements[name] ?? wire.submittedNamedStatements[name]) !== undefined
}

function remember(wire: Wire, name: string, columns: Columns): void {
  const present = known.get(wire)
  if (present) present.set(name, columns)
  else known.set(wire, new Map([[name, columns]]))
}
