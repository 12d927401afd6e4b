import type { Connection } from '../platform/corked-client.ts'
import { lastingStatement } from '../platform/db.ts'
import type { Metrics } from '../platform/metrics.ts'
import { noteCommit } from './commit-moment.ts'
import { type Appended, type Appending, newsOf } from './news.ts'
import { committing } from './statements.ts'
import type { TrailRow } from './trail-row.ts'

type Asking = Pick<Connection, 'ask'>

/** Where it is told how long a head row was waited for. */
export type AppendMetrics = Partial<Pick<Metrics, 'seqLockWait'>>

/** What a transaction leaves behind beside its rows. */
interface Ended {
  readonly tenantId: string
  readonly recorded: readonly Appending[]
  readonly trail: readonly TrailRow[]
}

/**
 * Appends and commits in one packet: between taking a lock that the tenant's writers share and letting it go there is no
 * round trip. The trail comes first, so that who has nothing for it (the message path) does not wait for its hashes; in
 * one order for all, so that nobody waits for each other.
 * Answers with what a bell may tell of it; undefined when that is nothing or too much for a bell.
 */
export async function appendAndCommit(
  client: Asking,
  { tenantId, recorded, trail }: Ended,
  newsBytes: number,
  metrics: AppendMetrics = {},
): Promise<string | undefined> {
  const { batch, tells } = batchOf(recorded, newsBytes)
  // Nobody waits between them. After one that fails nothing is done any more, and all fail with it.
  const [, appended] = await Promise.all([
    trail.length > 0 && writeTrail(client, { tenantId, trail }),
    recorded.length > 0 &&
      client.ask(lastingStatement('select * from append_events($1, $2, $3)', [tenantId, batch, tells])),
    commit(client),
  ])
  const answer = appended ? (appended.rows[0] as unknown as Appended | undefined) : undefined
  return answer && toldOf(answer, recorded, tells, metrics)
}

/**
 * The same for several tenants, whose events are one statement; `client` sees the rows of all of them, and their trails are
 * written before (`writeTrail`). Answers in their order.
 */
export async function appendTogetherAndCommit(
  client: Asking,
  ended: readonly Pick<Ended, 'tenantId' | 'recorded'>[],
  newsBytes: number,
  metrics: AppendMetrics = {},
): Promise<(string | undefined)[]> {
  const batches = ended.map(({ recorded }) => batchOf(recorded, newsBytes))
  const parts = ended.flatMap(({ tenantId, recorded }, place) => {
    const { batch, tells } = batches[place] as Batch
    return recorded.length === 0 ? [] : [`{"tenant":"${tenantId}","tell":${tells},"events":${batch}}`]
  })
  const [appended] = await Promise.all([
    parts.length > 0 &&
      client.ask(lastingStatement('select * from append_events_together($1)', [`[${parts.join(',')}]`])),
    commit(client),
  ])
  const rows = appended ? (appended.rows as unknown as (Appended & { readonly tenant_id: string })[]) : []
  const byTenant = new Map(rows.map((row) => [row.tenant_id, row]))
  return ended.map(({ tenantId, recorded }, place) => {
    const answer = byTenant.get(tenantId)
    return answer && toldOf(answer, recorded, (batches[place] as Batch).tells, metrics)
  })
}

/** Appends to the trail of a tenant. */
export function writeTrail(
  client: Asking,
  { tenantId, trail }: Pick<Ended, 'tenantId' | 'trail'>,
): Promise<unknown> {
  return client.ask(lastingStatement('select append_audit($1, $2)', [tenantId, JSON.stringify(trail)]))
}

interface Batch {
  readonly batch: string
  /** Whether it is short enough for a bell. */
  readonly tells: boolean
}

function batchOf(recorded: readonly Appending[], newsBytes: number): Batch {
  const batch = `[${recorded.map(encode).join(',')}]`
  return { batch, tells: Buffer.byteLength(batch) <= newsBytes }
}

/** What a bell may tell of events that are committed. */
function toldOf(
  answer: Appended,
  recorded: readonly Appending[],
  tells: boolean,
  metrics: AppendMetrics,
): string | undefined {
  noteCommit()
  if (answer.waited !== undefined) metrics.seqLockWait?.observe(answer.waited)
  return tells ? newsOf(recorded, answer) : undefined
}

/** As PostgreSQL says of whatever is asked behind a statement that failed. */
const behindFailure = '25P02'

/** Whether it failed only because something before it had. */
export function isAftermath(error: unknown): boolean {
  return (error as { code?: string } | undefined)?.code === behindFailure
}

/** Commits. Committing a transaction in which a statement failed rolls it back without an error; here that is one. */
async function commit(client: Asking): Promise<void> {
  const { command } = await client.ask(committing)
  if (command === 'COMMIT') return
  const error = new Error('a failed statement was ignored; the transaction was rolled back')
  throw Object.assign(error, { code: behindFailure })
}

function encode({ type, scope, conversationId, actor, payload }: Appending): string {
  return `{"type":"${type}","scope":${JSON.stringify(scope)},"conversationId":${JSON.stringify(conversationId)},"actor":${actor},"payload":${payload}}`
}
