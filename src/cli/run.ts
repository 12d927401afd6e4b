import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command, Verb } from './command.ts'
import { commands } from './commands.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { troubleOf, UsageError } from './failure.ts'
import { helpOf, helpOfVerb, overview, usageOf } from './help.ts'
import { nearest } from './nearest.ts'
import { createOutput, printable } from './output.ts'
import { parseArguments } from './parse-arguments.ts'

export interface Streams {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

/** Runs one command line and answers with its exit code. Prints everything there is to say, also about failures. */
export async function run(
  args: readonly string[],
  streams: Streams,
  stopped: AbortSignal,
): Promise<ExitCode> {
  const json = args.includes('--json')
  let usage: string | undefined
  try {
    const place = args.findIndex((arg) => !arg.startsWith('-'))
    const name = args[place]
    const rest = args.filter((_, at) => at !== place)
    if (name === undefined || name === 'help') return await general(args, rest, streams)
    const command = await loadCommand(name)
    const chosen = choose(name, command, rest)
    if (chosen === undefined) {
      streams.stdout.write(helpOf(name, command))
      return exitCodes.ok
    }
    usage = usageOf(chosen.name, chosen.verb)
    const parsed = parseArguments(chosen.rest, chosen.verb)
    if (parsed.help) {
      streams.stdout.write(helpOfVerb(chosen.name, chosen.verb))
      return exitCodes.ok
    }
    const out = createOutput(json, streams.stdout, streams.stderr)
    const { operands, options } = parsed
    return (await chosen.verb.run({ operands, options, out, stopped })) ?? exitCodes.ok
  } catch (error) {
    const { exit, ...trouble } = troubleOf(error)
    if (json) streams.stderr.write(`${JSON.stringify({ error: trouble })}\n`)
    else {
      const lines = trouble.message.split('\n').map(printable)
      streams.stderr.write(`switchboard: ${lines.join('\n')}\n`)
      if (exit === exitCodes.usage && usage !== undefined) streams.stderr.write(`usage: ${usage}\n`)
    }
    return exit
  }
}

async function loadCommand(name: string): Promise<Command> {
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (entry !== undefined) return entry.load()
  const meant = nearest(name, Object.keys(commands))
  throw new UsageError(
    meant === undefined
      ? `there is no command ${name}; switchboard --help lists them`
      : `there is no command ${name}; did you mean ${meant}?`,
  )
}

/** The verb that is meant, or undefined when the verbs of a command are asked for. */
function choose(
  name: string,
  command: Command,
  args: readonly string[],
): { name: string; verb: Verb; rest: string[] } | undefined {
  if (!('verbs' in command)) return { name, verb: command, rest: [...args] }
  const place = args.findIndex((arg) => !arg.startsWith('-'))
  const verbName = args[place]
  if (verbName === undefined) {
    if (args.some((arg) => arg === '--help' || arg === '-h')) return undefined
    throw new UsageError(`${name} what? ${Object.keys(command.verbs).join(', ')}`)
  }
  const verb = Object.hasOwn(command.verbs, verbName) ? command.verbs[verbName] : undefined
  if (verb === undefined) {
    const meant = nearest(verbName, Object.keys(command.verbs))
    const all = Object.keys(command.verbs).join(', ')
    throw new UsageError(
      `there is no ${name} ${verbName}; ${meant === undefined ? `there are ${all}` : `did you mean ${meant}?`}`,
    )
  }
  return { name: `${name} ${verbName}`, verb, rest: args.filter((_, at) => at !== place) }
}

/** Without a command: help, or the version. */
async function general(
  args: readonly string[],
  rest: readonly string[],
  { stdout, stderr }: Streams,
): Promise<ExitCode> {
  if (args.includes('--version')) {
    const file = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
    stdout.write(`${(JSON.parse(file) as { version: string }).version}\n`)
    return exitCodes.ok
  }
  const [topic] = rest.filter((arg) => !arg.startsWith('-'))
  if (topic !== undefined) {
    stdout.write(helpOf(topic, await loadCommand(topic)))
    return exitCodes.ok
  }
  const text = overview(Object.entries(commands).map(([name, { summary }]) => [name, summary]))
  const asked = args.length > 0 && args.every((arg) => ['help', '--help', '-h', '--json'].includes(arg))
  ;(asked ? stdout : stderr).write(text)
  return asked ? exitCodes.ok : exitCodes.usage
}
