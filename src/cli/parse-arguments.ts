import { parseArgs } from 'node:util'
import type { Verb } from './command.ts'
import { UsageError } from './failure.ts'
import { nearest } from './nearest.ts'
import type { Option, Options } from './options.ts'

/** Options that every command takes. */
export const commonOptions = ['json', 'help'] as const

export interface Parsed {
  readonly json: boolean
  readonly help: boolean
  readonly operands: readonly (string | undefined)[]
  readonly options: Record<string, unknown>
}

/**
 * Reads the arguments behind a command. Fails with a UsageError that names what is wrong and, for an option that does
 * not exist, the one that was probably meant. With --help nothing else is looked at.
 */
export function parseArguments(args: readonly string[], verb: Verb): Parsed {
  const options: Options = verb.options ?? {}
  const { tokens, positionals } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      ...Object.fromEntries(
        Object.entries(options).map(([name, { kind }]) => [
          name,
          { type: kind === 'flag' ? ('boolean' as const) : ('string' as const) },
        ]),
      ),
    },
  })
  const given = tokens.filter((token) => token.kind === 'option')
  const says = (name: string): boolean => given.some((token) => token.name === name)
  for (const { name, rawName, value } of given)
    if (commonOptions.some((common) => common === name) && value !== undefined)
      throw new UsageError(`${rawName} takes no value`)
  if (says('help')) return { json: says('json'), help: true, operands: [], options: {} }

  const texts = new Map<string, string[]>()
  for (const { name, rawName, value, inlineValue } of given) {
    if (name === 'json') continue
    const option = options[name]
    if (option === undefined) throw unknownOption(rawName, Object.keys(options))
    if (option.kind === 'flag' && value !== undefined) throw new UsageError(`${rawName} takes no value`)
    if (option.kind !== 'flag' && (value === undefined || value === ''))
      throw new UsageError(`${rawName} needs a value: ${rawName} ${option.placeholder}`)
    if (inlineValue === false && value?.startsWith('-'))
      throw new UsageError(
        `${rawName} needs a value; one that begins with a dash is written ${rawName}=${value}`,
      )
    const before = texts.get(name)
    if (before && option.kind !== 'many') throw new UsageError(`${rawName} is given twice`)
    texts.set(name, [...(before ?? []), value ?? ''])
  }
  return {
    json: says('json'),
    help: false,
    operands: operandsOf(verb, positionals),
    options: Object.fromEntries(
      Object.entries(options).map(([name, option]) => [name, valueOf(name, option, texts.get(name))]),
    ),
  }
}

function unknownOption(rawName: string, known: readonly string[]): UsageError {
  const all = [...known, ...commonOptions].map((name) => `--${name}`)
  const meant = nearest(rawName, all)
  return new UsageError(
    `there is no option ${rawName}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  )
}

function operandsOf(verb: Verb, given: readonly string[]): (string | undefined)[] {
  const names = verb.operands ?? []
  const missing = names.find((name, place) => !name.startsWith('[') && given[place] === undefined)
  if (missing !== undefined) throw new UsageError(`${missing} is missing`)
  if (given.length > names.length) throw new UsageError(`what is ${given[names.length]} for?`)
  return names.map((_, place) => given[place])
}

function valueOf(name: string, option: Option<unknown>, texts: readonly string[] | undefined): unknown {
  if (option.kind === 'flag') return texts !== undefined
  if (texts === undefined && option.required)
    throw new UsageError(`--${name} is missing: --${name} ${option.placeholder}`)
  const read = (text: string): unknown => {
    try {
      return option.read(text)
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`--${name}: ${error.message}`, { cause: error })
      throw error
    }
  }
  if (option.kind === 'many') return (texts ?? []).map(read)
  return texts?.[0] === undefined ? undefined : read(texts[0])
}
