import { Failure } from '../contract/errors.ts'
import { isUnavailable, rollBack, statement, type StatementPlan } from '../platform/db.ts'
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
    const client = await deps.db.read.connect()
    let broken: Error | undefined
    const onError = (error: Error) => {
      broken = error
    }
    client.on('error', onError)
    try {
      let end: Promise<unknown> | undefined
      const commit = () => {
        end ??= client.query('commit')
        return end
      }
      // Before the packet is closed, which is a tick that the first statement asks for, and after all that waits for nothing.
      if (ends === 'in its turn') process.nextTick(() => commit().catch(() => {}))
      // One snapshot for everything that is read here: a position and the rows that belong to it (LOG5).
      const begun = client.query(
        `begin isolation level repeatable read read only; set local app.tenant_id = '${tenantId}'`,
      )
      // When it fails, so does all that stands behind it in the line.
      begun.catch(() => {})
      const result = await work(async (text, values = [], plan = 'kept') => {
        if (end !== undefined) throw new Error('a reader that ends in its turn asked for more after it')
        const found = await client.query(statement(text, values, plan))
        return found.rows
      })
      await begun
      await commit()
      return result
    } catch (error) {
      broken ??= await rollBack(client, error)
      throw error
    } finally {
      client.off('error', onError)
      client.release(broken)
    }
  } catch (error) {
    if (isUnavailable(error) && !(error instanceof Failure))
      throw new Failure('unavailable', {}, { cause: error })
    throw error
  }
}
