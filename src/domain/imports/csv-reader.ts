export interface CsvLimits {
  /** Longest cell, characters. */
  readonly cellChars: number
  /** Most cells of a row. */
  readonly columns: number
}

export interface CsvRow {
  /** Where it begins in the file, from 1. */
  readonly line: number
  readonly cells: readonly string[]
  /** What is wrong with its form; the cells are cut then. */
  readonly fault: string | null
}

/** The file is no text that can be read. The message is for whoever brought it. */
export class UnreadableCsv extends Error {}

/**
 * The rows of a CSV file (RFC 4180) as its bytes come; holds one row, however long the file. UTF-8 with or without a byte order
 * mark; any of the three line breaks; comma, semicolon or tab, whichever the first row has first. Empty lines are skipped.
 * A row that is malformed or too large comes with its fault, cut; reading goes on behind it.
 * Fails with UnreadableCsv for bytes that are no UTF-8.
 */
export async function* readCsv(bytes: AsyncIterable<Uint8Array>, limits: CsvLimits): AsyncGenerator<CsvRow> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const parser = new CsvParser(limits)
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch (error) {
      throw new UnreadableCsv(
        'The file is not UTF-8. Save it as "CSV UTF-8", not as Windows-1252 or UTF-16.',
        {
          cause: error,
        },
      )
    }
  }
  for await (const chunk of bytes) yield* parser.push(decode(chunk))
  yield* parser.push(decode())
  yield* parser.end()
}

type State = 'start' | 'plain' | 'quoted' | 'closed'

class CsvParser {
  readonly #limits: CsvLimits
  #state: State = 'start'
  #separator: string | undefined
  #cells: string[] = []
  #cell = ''
  #fault: string | null = null
  #line = 1
  #rowLine = 1
  #wasReturn = false
  #wasQuoted = false

  constructor(limits: CsvLimits) {
    this.#limits = limits
  }

  push(text: string): CsvRow[] {
    const rows: CsvRow[] = []
    let from = 0
    for (let at = 0; at < text.length; at++) {
      const char = text[at] as string
      const isBreak = char === '\n' || char === '\r'
      // The second half of a line break that has ended a row or a line already.
      const isSecondHalf = char === '\n' && this.#wasReturn
      this.#wasReturn = char === '\r'
      if (isBreak && !isSecondHalf) this.#line += 1
      if (this.#state === 'quoted') {
        if (char !== '"') continue
        this.#take(text.slice(from, at))
        this.#state = 'closed'
        continue
      }
      if (char === '"') {
        if (this.#state === 'start') {
          this.#state = 'quoted'
          this.#wasQuoted = true
          from = at + 1
          continue
        }
        if (this.#state === 'closed') {
          this.#state = 'quoted'
          from = at
          continue
        }
        this.#fault ??= 'a quotation mark in the middle of a cell'
      }
      if (isBreak || this.#separates(char)) {
        if (this.#state === 'plain') this.#take(text.slice(from, at))
        if (isSecondHalf && this.#isEmptyRow()) {
          this.#rowLine = this.#line
          continue
        }
        this.#endCell()
        if (isBreak) rows.push(...this.#endRow())
        continue
      }
      if (this.#state === 'closed') this.#fault ??= 'text behind a closing quotation mark'
      if (this.#state !== 'plain') from = at
      this.#state = 'plain'
    }
    if (this.#state === 'plain' || this.#state === 'quoted') this.#take(text.slice(from))
    return rows
  }

  end(): CsvRow[] {
    if (this.#state === 'quoted') this.#fault ??= 'a quotation mark that is never closed'
    if (this.#isEmptyRow()) return []
    this.#endCell()
    return this.#endRow()
  }

  #separates(char: string): boolean {
    if (this.#separator !== undefined) return char === this.#separator
    if (char !== ',' && char !== ';' && char !== '\t') return false
    this.#separator = char
    return true
  }

  #isEmptyRow(): boolean {
    return this.#cells.length === 0 && this.#state === 'start'
  }

  #take(part: string): void {
    if (part.includes('\0')) this.#fault ??= 'a zero character'
    const room = this.#limits.cellChars - this.#cell.length
    if (part.length > room) this.#fault ??= `a cell with more than ${this.#limits.cellChars} characters`
    this.#cell += part.slice(0, room)
  }

  #endCell(): void {
    if (this.#cells.length < this.#limits.columns) this.#cells.push(this.#cell)
    else this.#fault ??= `more than ${this.#limits.columns} columns`
    this.#cell = ''
    this.#state = 'start'
  }

  #endRow(): CsvRow[] {
    const row = { line: this.#rowLine, cells: this.#cells, fault: this.#fault }
    const isBlank = row.cells.length === 1 && row.cells[0] === '' && !this.#wasQuoted && row.fault === null
    this.#separator ??= isBlank ? undefined : ','
    this.#cells = []
    this.#fault = null
    this.#wasQuoted = false
    this.#rowLine = this.#line
    return isBlank ? [] : [row]
  }
}
