import { styleText } from 'node:util'

export type Tone = 'ok' | 'warn' | 'fail' | 'plain' | 'dim'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string | number | null | undefined
  readonly tone?: (row: Row) => Tone
  readonly align?: 'right'
}

/** Where a command's answer goes: text for people, or with --json one document for programs. */
export interface Output {
  readonly json: boolean
  /** The answer: `value` as JSON, or what `asText` prints. */
  answer(value: unknown, asText: () => void): void
  /** One line of text; what a terminal would obey is replaced. */
  line(text?: string, tone?: Tone): void
  /** One line for programs, as it is. */
  raw(text: string): void
  /** Rows under aligned titles, or the sentence when there are none. */
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], whenEmpty: string): void
  /** Something worth knowing that is no part of the answer. */
  note(text: string): void
}

const styles = { ok: 'green', warn: 'yellow', fail: 'red', dim: 'dim' } as const

/** Control characters and marks that turn text around: names come from people and networks, terminals obey. */
const unprintable = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

export function printable(text: string): string {
  return text.replace(unprintable, '\uFFFD')
}

/** `stdout` and `stderr` as given; colours only on a terminal and without NO_COLOR, which styleText looks after. */
export function createOutput(json: boolean, stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Output {
  const painted = (text: string, tone: Tone): string =>
    tone === 'plain' ? text : styleText(styles[tone], text, { stream: stdout })
  const line: Output['line'] = (text = '', tone = 'plain') => {
    stdout.write(`${painted(printable(text), tone)}\n`)
  }
  return {
    json,
    line,
    raw: (text) => {
      stdout.write(`${text}\n`)
    },
    answer: (value, asText) => {
      if (json) stdout.write(`${JSON.stringify(value, null, 2)}\n`)
      else asText()
    },
    note: (text) => {
      stderr.write(`${printable(text)}\n`)
    },
    table: (rows, columns, whenEmpty) => {
      if (rows.length === 0) return line(whenEmpty)
      const cells = rows.map((row) =>
        columns.map(({ cell }) => {
          const value = cell(row)
          return value === null || value === undefined || value === '' ? '-' : printable(String(value))
        }),
      )
      const widths = columns.map(({ title }, place) =>
        Math.max(title.length, ...cells.map((row) => row[place]?.length ?? 0)),
      )
      const laidOut = (texts: readonly string[], tones: readonly Tone[]): string =>
        texts
          .map((text, place) => {
            const pad = ' '.repeat((widths[place] ?? 0) - text.length)
            const shown = painted(text, tones[place] ?? 'plain')
            return columns[place]?.align === 'right' ? pad + shown : shown + pad
          })
          .join('  ')
          .trimEnd()
      stdout.write(
        `${laidOut(
          columns.map((one) => one.title),
          columns.map(() => 'dim'),
        )}\n`,
      )
      rows.forEach((row, place) => {
        const tones = columns.map(({ tone }) => tone?.(row) ?? 'plain')
        stdout.write(`${laidOut(cells[place] ?? [], tones)}\n`)
      })
    },
  }
}

/** A length of time for people: 42 s, 13 min, 5 h, 3 d. */
export function spoken(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

/** An instant for people, in UTC to the second; null stays null. */
export function moment(iso: string | null): string | null {
  return iso === null ? null : `${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`
}
