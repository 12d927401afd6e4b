import type { ExitCode } from './exit-codes.ts'
import type { Options, ValuesOf } from './options.ts'
import type { Output } from './output.ts'

/** What a command is called with. */
export interface Call<O extends Options = Options> {
  /** What stands behind the command, in order; as many as `operands` names, absent ones as undefined. */
  readonly operands: readonly (string | undefined)[]
  readonly options: ValuesOf<O>
  readonly out: Output
  /** Ends with Ctrl-C or SIGTERM, for commands that go on until then. */
  readonly stopped: AbortSignal
}

/** One thing that the command line can do. */
export interface Verb<O extends Options = Options> {
  /** A sentence for lists of commands. */
  readonly summary: string
  /** Names of what stands behind the command, such as SLUG; in brackets when it may be left out. */
  readonly operands?: readonly string[]
  readonly options?: O
  /** What to know before using it; printed by --help. */
  readonly notes?: string
  /** Without an answer everything went well. */
  run(call: Call<O>): Promise<ExitCode | undefined>
}

/** A command that has verbs of its own, such as `tenant create`. */
export interface VerbGroup {
  readonly summary: string
  readonly verbs: Readonly<Record<string, Verb>>
}

export type Command = Verb | VerbGroup

/** Ties the type of `call.options` to the options; what it answers with is what it got. */
export function verb<const O extends Options>(definition: Verb<O>): Verb {
  return definition as unknown as Verb
}
