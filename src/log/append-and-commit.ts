import pg from 'pg'
import { type Appended, type Appending, newsOf } from './news.ts'
import type { TrailRow } from './trail-row.ts'

/** What a transaction leaves behind beside its rows. */
interface Ended {
  readonly tenantId: string
  readonly recorded: readonly Appending[]
  readonly trail: readonly TrailRow[]
}

/**
 * Appends and commits in one message: between taking a lock that the tenant's writers share and letting it go there is no
 * round trip. The trail comes first, so that who has nothing for it (the message path) does not wait for its hashes; in
 * one order for all, so that nobody waits for each other.
 * Answers with what a bell may tell of it; undefined when that is nothing or too much for a bell.
 */
export async function appendAndCommit(
  client: pg.PoolClient,
  { tenantId, recorded, trail }: Ended,
  newsBytes: number,
): Promise<string | undefined> {
  const audit =
    trail.length === 0
      ? ''
      : `select append_audit('${tenantId}', ${pg.escapeLiteral(JSON.stringify(trail))}); `
  if (recorded.length === 0) {
    isCommitted(lastOf(await client.query(`${audit}commit`)))
    return undefined
  }
  const batch = `[${recorded.map(encode).join(',')}]`
  const tells = Buffer.byteLength(batch) <= newsBytes
  const answers = await client.query(
    `${audit}select * from append_events('${tenantId}', ${pg.escapeLiteral(batch)}, ${tells}); commit`,
  )
  isCommitted(lastOf(answers))
  const appended = (answers as unknown as pg.QueryResult<Appended>[]).at(-2)
  const answer = appended?.rows[0]
  return tells && answer ? newsOf(recorded, answer) : undefined
}

/** With several statements in one message pg answers with a result for each. */
function lastOf(answer: pg.QueryResult | pg.QueryResult[]): pg.QueryResult {
  return Array.isArray(answer) ? (answer.at(-1) as pg.QueryResult) : answer
}

/** Committing a transaction in which a statement failed rolls it back without an error. */
function isCommitted({ command }: pg.QueryResult): void {
  if (command !== 'COMMIT') throw new Error('a failed statement was ignored; the transaction was rolled back')
}

function encode({ type, scope, conversationId, actor, payload }: Appending): string {
  return `{"type":"${type}","scope":${JSON.stringify(scope)},"conversationId":${JSON.stringify(conversationId)},"actor":${actor},"payload":${payload}}`
}
