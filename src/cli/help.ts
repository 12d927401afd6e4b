import type { Command, Verb } from './command.ts'
import type { Options } from './options.ts'

const program = 'switchboard'

/** Lines of two columns, the second ones under each other. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd())
}

/** What is printed without a command, and by --help. */
export function overview(summaries: readonly (readonly [string, string])[]): string {
  return [
    `usage: ${program} COMMAND [arguments]`,
    '',
    ...columns(summaries),
    '',
    `Every command takes --help and --json. Exit codes: 0 done, 1 something is wrong or not there, 2 wrong usage,`,
    '69 a server does not answer, 70 a fault of ours, 78 wrong configuration.',
    '',
  ].join('\n')
}

/** The usage line of a verb. `name` is the command with its verb, such as `tenant create`. */
export function usageOf(name: string, verb: Verb): string {
  const options: Options = verb.options ?? {}
  const shown = Object.entries(options).map(([option, { kind, required, placeholder }]) => {
    const text = kind === 'flag' ? `--${option}` : `--${option} ${placeholder}`
    return required ? text : `[${text}]${kind === 'many' ? '...' : ''}`
  })
  return [program, name, ...(verb.operands ?? []), ...shown].join(' ')
}

export function helpOf(name: string, command: Command): string {
  if (!('verbs' in command)) return helpOfVerb(name, command)
  const rows = Object.entries(command.verbs).map(
    ([verbName, verb]) =>
      [`${name} ${[verbName, ...(verb.operands ?? [])].join(' ')}`, verb.summary] as const,
  )
  return [`${command.summary}`, '', ...columns(rows), '', `More: ${program} ${name} VERB --help`, ''].join(
    '\n',
  )
}

export function helpOfVerb(name: string, verb: Verb): string {
  const options: Options = verb.options ?? {}
  const rows = [
    ...Object.entries(options).map(
      ([option, { kind, placeholder, doc }]) =>
        [kind === 'flag' ? `--${option}` : `--${option} ${placeholder}`, doc] as const,
    ),
    ['--json', 'Answer with JSON.'] as const,
    ['--help', 'Print this.'] as const,
  ]
  return [
    verb.summary,
    '',
    `usage: ${usageOf(name, verb)}`,
    '',
    ...columns(rows),
    '',
    ...(verb.notes === undefined ? [] : [verb.notes.trim(), '']),
  ].join('\n')
}
