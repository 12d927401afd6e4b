import type { Connection } from '../platform/corked-client.ts'
import { statement } from '../platform/db.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Found } from '../platform/statement-run.ts'
import { noteCommit } from './commit-moment.ts'
import { type Appended, type Appending, newsOf } from './news.ts'
import { committing } from './statements.ts'
import type { TrailRow } from './trail-row.ts'

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
  client: Pick<Connection, 'ask'>,
  { tenantId, recorded, trail }: Ended,
  newsBytes: number,
  metrics: Partial<Pick<Metrics, 'seqLockWait'>> = {},
): Promise<string | undefined> {
  const batch = `[${recorded.map(encode).join(',')}]`
  const tells = Buffer.byteLength(batch) <= newsBytes
  // Nobody waits between them. After one that fails nothing is done any more, and all fail with it.
  const [, appended, end] = await Promise.all([
    trail.length > 0 &&
      client.ask(statement('select append_audit($1, $2)', [tenantId, JSON.stringify(trail)])),
    recorded.length > 0 &&
      client.ask(statement('select * from append_events($1, $2, $3)', [tenantId, batch, tells])),
    client.ask(committing),
  ])
  isCommitted(end)
  const answer = appended ? (appended.rows[0] as unknown as Appended | undefined) : undefined
  if (answer) noteCommit()
  if (answer?.waited !== undefined) metrics.seqLockWait?.observe(answer.waited)
  return tells && answer ? newsOf(recorded, answer) : undefined
}

/** Committing a transaction in which a statement failed rolls it back without an error. */
function isCommitted({ command }: Found): void {
  if (command !== 'COMMIT') throw new Error('a failed statement was ignored; the transaction was rolled back')
}

function encode({ type, scope, conversationId, actor, payload }: Appending): string {
  return `{"type":"${type}","scope":${JSON.stringify(scope)},"conversationId":${JSON.stringify(conversationId)},"actor":${actor},"payload":${payload}}`
}
