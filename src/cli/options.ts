import { UsageError } from './failure.ts'

/** An option of a command. `read` turns its text into its value and throws a UsageError that says what is expected. */
export interface Option<Value> {
  readonly kind: 'flag' | 'one' | 'many'
  readonly required: boolean
  /** Stands for the value in the usage line, such as SLUG; empty for a flag. */
  readonly placeholder: string
  readonly doc: string
  readonly read: (text: string) => unknown
  /** Only for types: what the command gets. */
  readonly value?: Value
}

export type Options = Readonly<Record<string, Option<unknown>>>

/** What a command gets for its options. */
export type ValuesOf<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends Option<infer Value> ? Value : never
}

type Reader<Value> = (text: string) => Value
const asIs = (text: string): string => text

export function flag(doc: string): Option<boolean> {
  return { kind: 'flag', required: false, placeholder: '', doc, read: asIs }
}

export function option(placeholder: string, doc: string): Option<string | undefined>
export function option<V>(placeholder: string, doc: string, read: Reader<V>): Option<V | undefined>
export function option(placeholder: string, doc: string, read: Reader<unknown> = asIs): Option<unknown> {
  return { kind: 'one', required: false, placeholder, doc, read }
}

export function required(placeholder: string, doc: string): Option<string>
export function required<V>(placeholder: string, doc: string, read: Reader<V>): Option<V>
export function required(placeholder: string, doc: string, read: Reader<unknown> = asIs): Option<unknown> {
  return { kind: 'one', required: true, placeholder, doc, read }
}

/** May be given several times. */
export function several<V>(placeholder: string, doc: string, read: Reader<V>): Option<readonly V[]> {
  return { kind: 'many', required: false, placeholder, doc, read }
}

/** A text of at most so many characters. */
export function upTo(most: number): Reader<string> {
  return (text) => {
    if (text.length > most) throw new UsageError(`at most ${most} characters`)
    return text
  }
}

/** A whole number from `least` to `most`. */
export function count(least: number, most: number): Reader<number> {
  return (text) => {
    const number = Number(text)
    if (!/^\d+$/.test(text) || number < least || number > most)
      throw new UsageError(`expected a whole number from ${least} to ${most}, not ${text}`)
    return number
  }
}

export function oneOf<const Choice extends string>(choices: readonly Choice[]): Reader<Choice> {
  return (text) => {
    const choice = choices.find((one) => one === text)
    if (choice === undefined) throw new UsageError(`expected one of ${choices.join(', ')}, not ${text}`)
    return choice
  }
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** A length of time such as 90s, 30m, 1h or 7d, in seconds. */
export function duration(text: string): number {
  const parts = /^(\d{1,6})([smhd])$/.exec(text)
  const seconds = Number(parts?.[1]) * (unitSeconds[parts?.[2] ?? ''] ?? Number.NaN)
  if (!(seconds > 0))
    throw new UsageError(`expected a length of time such as 90s, 30m, 1h or 7d, not ${text}`)
  return seconds
}
