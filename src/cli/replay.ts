import { formatPosition, type Position, parsePosition } from '../contract/position.ts'
import { readEvents, readHead, type Unreadable } from '../log/read.ts'
import { encodeEvent } from '../log/stored-event.ts'
import { readTenant } from '../log/read-tenant.ts'
import { verb } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { Refusal, UsageError } from './failure.ts'
import { type Installation, withInstallation } from './installation.ts'
import { tenantOf } from './operator.ts'
import { count, flag, option, required } from './options.ts'

const reasons: Readonly<Record<Unreadable, string>> = {
  trimmed: 'events behind it were dropped already (LOG_KEEP_DAYS)',
  epoch: 'it is of another epoch: the past was rewritten since',
  future: 'it is ahead of the log: a backup was restored without a new epoch (switchboard log new-epoch)',
  too_far: 'it is too far behind',
}

export const replay = verb({
  summary: "Print a tenant's events as JSON, one per line, the oldest first.",
  options: {
    tenant: required('SLUG', 'Tenant, by slug or id.'),
    after: option(
      'EPOCH:SEQ',
      'Begin behind this position; with the oldest event kept when not said.',
      position,
    ),
    limit: option('N', 'Stop after so many.', count(1, 1_000_000_000)),
    follow: flag('Go on with what happens, until Ctrl-C.'),
  },
  notes: `Events are printed as clients get them, all of them whoever may hear them, so this is for operators. Each line carries
its seq; the position to go on from is its epoch:seq. Exit code 1 when the position cannot be gone on from.`,
  run: ({ options, out, stopped }) =>
    withInstallation(async (installation) => {
      const { id } = await tenantOf(installation, options.tenant)
      const bell = new Bell(installation, id, stopped)
      try {
        let at = options.after ?? (await beginning(installation, id))
        let left = options.limit ?? Number.POSITIVE_INFINITY
        while (!stopped.aborted && left > 0) {
          const page = await readEvents(installation, id, at, Math.min(left, installation.config.REPLAY_PAGE))
          if (typeof page === 'string') throw await unreadable(installation, id, at, page)
          for (const event of page.events) out.raw(encodeEvent(event))
          left -= page.events.length
          const last = page.events.at(-1)
          if (last) at = { epoch: last.epoch, seq: last.seq }
          else if (options.follow) await bell.rung()
          else break
        }
        return exitCodes.ok
      } finally {
        bell.stop()
      }
    }),
})

function position(text: string): Position {
  const parsed = parsePosition(text)
  if (parsed === null) throw new UsageError(`expected a position such as 1:42, not ${text}`)
  return parsed
}

/** The place before the oldest event of the present epoch that is kept; the head when none is. */
async function beginning(installation: Installation, tenantId: string): Promise<Position> {
  const { epoch, seq } = await readHead(installation, tenantId)
  const [row] = await readTenant(installation, tenantId, (query) =>
    query<{ oldest: number | null }>(
      'select min(seq) as oldest from events where tenant_id = $1 and epoch = $2',
      [tenantId, epoch],
    ),
  )
  return { epoch, seq: row?.oldest ? row.oldest - 1 : seq }
}

async function unreadable(
  installation: Installation,
  tenantId: string,
  at: Position,
  reason: Unreadable,
): Promise<Refusal> {
  const head = formatPosition(await readHead(installation, tenantId))
  return new Refusal(
    `the log cannot be read on from ${formatPosition(at)}: ${reasons[reason]}; its head is ${head}`,
  )
}

/** Wakes a reader who is at the head: by the doorbell, by POLL_MS without one, and by the end. */
class Bell {
  readonly #pollMs: number
  readonly #stopListening: () => void
  readonly #stopped: AbortSignal
  #wake: () => void = () => {}
  #rang = false

  constructor(installation: Installation, tenantId: string, stopped: AbortSignal) {
    this.#pollMs = installation.config.POLL_MS
    this.#stopped = stopped
    this.#stopListening = installation.doorbell.listen(tenantId, () => {
      this.#rang = true
      this.#wake()
    })
    stopped.addEventListener('abort', () => this.#wake())
  }

  /** Settles when there may be news; at once when it rang since the last time. */
  async rung(): Promise<void> {
    if (!this.#rang && !this.#stopped.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#pollMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#rang = false
  }

  stop(): void {
    this.#stopListening()
  }
}
