import type { z } from 'zod'
import { type ErrorBody, Failure } from '../src/contract/errors.ts'
import {
  type Ack,
  type CommandInput,
  type CommandName,
  commands,
  ephemeralCommands,
  type EphemeralName,
} from '../src/contract/socket.ts'
import type { Deps } from '../src/deps.ts'
import { parsePart } from '../src/http/faults.ts'
import { requireKeepable } from '../src/http/keepable.ts'
import { type CommitMoment, notingCommits, observeAnswer } from '../src/log/commit-moment.ts'
import { errorBody } from './farewell.ts'
import { TokenBucket } from './token-bucket.ts'
import type { Desk, Session, SessionActor } from './session.ts'

/** The use cases behind the commands: what they answer is the ack's `data`. */
export type CommandHandlers = {
  readonly [Name in Exclude<CommandName, 'session.renew'>]: (
    deps: Deps,
    actor: SessionActor,
    input: CommandInput<Name>,
  ) => Promise<unknown>
}

/** What the gateway does itself. */
export interface OwnHandlers {
  readonly renew: (session: Session, input: CommandInput<'session.renew'>) => Promise<unknown>
  readonly ephemeral: {
    readonly [Name in EphemeralName]: (
      session: Session,
      input: z.infer<(typeof ephemeralCommands)[Name]>,
    ) => Promise<unknown>
  }
}

type Handler = (session: Session, input: never) => Promise<unknown>
interface Command {
  readonly schema: z.ZodType
  readonly run: Handler
  /** Taken out of the line, and after the token's end. */
  readonly renews: boolean
}

/**
 * Where commands arrive. Each is answered by an ack, whatever happens; those of one socket take effect in the order
 * they were sent (GW13). Rates are kept per socket, per person and per tenant on this instance.
 */
export class Commands {
  readonly #deps: Deps
  readonly #commands: ReadonlyMap<string, Command>
  readonly #tenants = new Map<string, TokenBucket>()
  readonly #abusive: (session: Session) => void
  #underWay = 0
  #idle: (() => void)[] = []

  constructor(deps: Deps, handlers: CommandHandlers, own: OwnHandlers, abusive: (session: Session) => void) {
    this.#deps = deps
    this.#abusive = abusive
    const all = new Map<string, Command>()
    for (const name of Object.keys(commands) as CommandName[]) {
      const schema = commands[name]
      if (name === 'session.renew') all.set(name, { schema, run: own.renew as Handler, renews: true })
      else {
        const handler = handlers[name] as (deps: Deps, actor: SessionActor, input: never) => Promise<unknown>
        all.set(name, { schema, run: (session, input) => handler(deps, session.actor, input), renews: false })
      }
    }
    for (const name of Object.keys(ephemeralCommands) as EphemeralName[])
      all.set(name, { schema: ephemeralCommands[name], run: own.ephemeral[name] as Handler, renews: false })
    this.#commands = all
  }

  /** Takes what a client emitted: a name, one argument, and mostly a function for the answer. */
  take(session: Session, name: unknown, given: readonly unknown[]): void {
    if (!session.isPresent) return
    const last = given.at(-1)
    const ack = typeof last === 'function' ? (last as (answer: Ack) => void) : () => {}
    const refuse = (error: ErrorBody) => ack({ ok: false, error })
    session.desk ??= this.#makeDesk()
    const { desk } = session
    const waitMs = this.#limit(session, desk)
    if (waitMs > 0) return refuse(new Failure('rate_limited', { retryAfterMs: waitMs }).toBody())
    const command = typeof name === 'string' ? this.#commands.get(name) : undefined
    if (!command)
      return refuse(new Failure('unknown_command', { command: String(name).slice(0, 64) }).toBody())
    let input: never
    try {
      requireKeepable(given[0], 'body')
      input = parsePart(command.schema, given[0], 'body') as never
    } catch (error) {
      return refuse(errorBody(error, this.#deps.log, 'reading a command'))
    }
    this.#underWay += 1
    desk.waiting += 1
    const turn = command.renews ? Promise.resolve() : desk.line
    const done = turn
      .then(() => this.#run(session, command, input, ack))
      .finally(() => {
        desk.waiting -= 1
        this.#underWay -= 1
        if (this.#underWay === 0) for (const wake of this.#idle.splice(0)) wake()
      })
    if (!command.renews) desk.line = done
  }

  /** Settles when no command is under way. */
  async settled(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  async #run(session: Session, command: Command, input: never, ack: (answer: Ack) => void): Promise<void> {
    try {
      // Looked at when its turn comes: it may have waited past the end of the token, or of the session.
      if (!session.isPresent) return
      if (!command.renews && this.#deps.clock.now().getTime() >= session.expiresAt)
        throw new Failure('token_expired')
      const moment: CommitMoment = {}
      const data = await notingCommits(moment, () => command.run(session, input))
      ack({ ok: true, data: data ?? null })
      observeAnswer(moment, this.#deps.metrics.commitToAck)
    } catch (error) {
      if (error instanceof Failure && error.code === 'forbidden')
        this.#deps.metrics.authzDenied.inc({ code: error.code })
      ack({ ok: false, error: errorBody(error, this.#deps.log, 'a socket command') })
    }
  }

  #makeDesk(): Desk {
    const { SOCKET_COMMANDS_BURST } = this.#deps.config
    return {
      allowance: new TokenBucket(SOCKET_COMMANDS_BURST),
      patience: new TokenBucket(SOCKET_COMMANDS_BURST),
      line: Promise.resolve(),
      waiting: 0,
    }
  }

  /** How long the session must wait, in milliseconds; 0 when it need not. */
  #limit(session: Session, desk: Desk): number {
    const now = performance.now()
    const { config } = this.#deps
    const perSecond = config.SOCKET_COMMANDS_PER_SECOND
    const burst = config.SOCKET_COMMANDS_BURST
    const own =
      desk.allowance.take(now, perSecond, burst) ||
      session.person.commands.take(now, config.SOCKET_USER_COMMANDS_PER_SECOND, userBurst(config)) ||
      keyWait(session, now)
    if (own > 0) {
      // Refusals have an allowance too: who keeps on at twice the rate is shown out.
      if (desk.patience.take(now, perSecond, burst) > 0) this.#abusive(session)
      return own
    }
    // A line this long means that commands come faster than they can be done.
    if (desk.waiting >= burst) return 1000
    return this.#tenantBucket(session.tenant.id).take(
      now,
      config.SOCKET_TENANT_COMMANDS_PER_SECOND,
      config.SOCKET_TENANT_COMMANDS_PER_SECOND,
    )
  }

  #tenantBucket(tenantId: string): TokenBucket {
    let bucket = this.#tenants.get(tenantId)
    if (!bucket) {
      bucket = new TokenBucket(this.#deps.config.SOCKET_TENANT_COMMANDS_PER_SECOND)
      this.#tenants.set(tenantId, bucket)
    }
    return bucket
  }
}

/** A key with a rate of its own keeps it over its sockets here: a minute's worth at once, then as it comes back. */
function keyWait({ actor, person }: Session, now: number): number {
  if (actor.kind !== 'key' || actor.ratePerMinute === null) return 0
  person.keyCommands ??= new TokenBucket(actor.ratePerMinute)
  return person.keyCommands.take(now, actor.ratePerMinute / 60, actor.ratePerMinute)
}

/** A person's sockets together may burst as far beyond their rate as one socket may beyond its own. */
export function userBurst(config: Deps['config']): number {
  const factor = config.SOCKET_COMMANDS_BURST / config.SOCKET_COMMANDS_PER_SECOND
  return Math.max(1, Math.ceil(config.SOCKET_USER_COMMANDS_PER_SECOND * factor))
}
