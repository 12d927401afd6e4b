import { Failure } from '../contract/errors.ts'
import type { Connection } from '../platform/corked-client.ts'
import { isUnavailable, rollBack, statement, type StatementPlan } from '../platform/db.ts'
import { committing, tenantIs } from './statements.ts'
import { isUuid } from '../platform/uuid.ts'
import type { LogDeps } from './tenant-tx.ts'

/** Asks for rows in the transaction of a reader. */
type Ask = <Row extends object>(
  text: string,
  values?: readonly unknown[],
  plan?: StatementPlan,
) => Promise<Row[]>

/** When the transaction of a reader ends: when its work is done, or along with everything that it asks in its first turn. */
type ReaderEnds = 'after its work' | 'in its turn'

/**
 * Reads rows of one tenant without recording anything. Uses the pool of replays. What is asked in one turn goes out together.
 *
 * A reader that ends in its turn costs a single packet there and back, begin and commit included: half of what a short
 * read costs (docs/measurements.md). It asks everything before it waits for anything; asking later fails.
 */
export async function readTenant<T>(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  work: (query: Ask) => Promise<T>,
  ends: ReaderEnds = 'after its work',
): Promise<T> {
  if (!isUuid(tenantId)) throw new Failure('not_found')
  try {
    const client = (await deps.db.read.connect()) as Connection
    let broken: Error | undefined
    // Another reader may have the connection then, of another tenant.
    let isOver = false
    try {
      let end: Promise<unknown> | undefined
      const commit = () => (end ??= client.ask(committing))
      // Before the packet is closed, which is a tick that the first statement asks for, and after all that waits for nothing.
      if (ends === 'in its turn') process.nextTick(() => commit().catch(() => {}))
      // One snapshot for everything that is read here: a position and the rows that belong to it (LOG5).
      const begun = Promise.all([client.ask(beginning), client.ask(tenantIs(tenantId))])
      // When it fails, so does all that stands behind it in the line.
      begun.catch(() => {})
      const result = await work(async <Row extends object>(text: string, values = none, plan = kept) => {
        if (end !== undefined || isOver) throw new Error('a reader asked for more after its end')
        const { rows } = await client.ask(statement(text, values, plan))
        return rows as Row[]
      })
      await begun
      await commit()
      return result
    } catch (error) {
      isOver = true
      broken = await rollBack(client, error)
      throw error
    } finally {
      client.release(broken)
    }
  } catch (error) {
    if (isUnavailable(error) && !(error instanceof Failure))
      throw new Failure('unavailable', {}, { cause: error })
    throw error
  }
}

const none: readonly unknown[] = []
const kept: StatementPlan = 'kept'
const beginning = { name: 'begin to read', text: 'begin isolation level repeatable read read only' }
