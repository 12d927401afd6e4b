import type pg from 'pg'
import { Failure } from '../contract/errors.ts'
import type { CorkedClient } from '../platform/corked-client.ts'
import { isUnavailable, rollBack, statement, type StatementPlan } from '../platform/db.ts'
import type { Found, Statement } from '../platform/statement-run.ts'
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

type Client = pg.PoolClient & Pick<CorkedClient, 'run'>

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
  // The id goes into the text of a statement below; anything but a UUID must not.
  if (!isUuid(tenantId)) throw new Failure('not_found')
  const read = ends === 'in its turn' ? inItsTurn : inItsOwnTime
  try {
    const client = (await deps.db.read.connect()) as Client
    let broken: Error | undefined
    try {
      return await read(client, tenantId, work)
    } catch (error) {
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

type Reader = <T>(client: Client, tenantId: string, work: (query: Ask) => Promise<T>) => Promise<T>

const beginning = 'begin isolation level repeatable read read only'

const inItsOwnTime: Reader = async (client, tenantId, work) => {
  // One snapshot for everything that is read here: a position and the rows that belong to it (LOG5).
  const begun = client.query(`${beginning}; set local app.tenant_id = '${tenantId}'`)
  // When it fails, so does all that stands behind it in the line.
  begun.catch(() => {})
  const result = await work(async (text, values = [], plan = 'kept') => {
    const found = await client.query(statement(text, values, plan))
    return found.rows
  })
  await begun
  await client.query('commit')
  return result
}

const begin: Statement = { name: 'begin a reader', text: beginning }
const tenant = { name: 'set the tenant', text: `select set_config('app.tenant_id', $1, true)` }
const commit: Statement = { name: 'commit', text: 'commit' }

const inItsTurn: Reader = async (client, tenantId, work) => {
  const asked: Statement[] = [begin, { ...tenant, values: [tenantId] }]
  const run = Promise.withResolvers<Found[]>()
  run.promise.catch(() => {})
  let isSent = false
  // After all that waits for nothing.
  process.nextTick(() => {
    isSent = true
    client.run([...asked, commit]).then(run.resolve, run.reject)
  })
  const ask: Ask = async <Row extends object>(
    text: string,
    values: readonly unknown[] = [],
    plan: StatementPlan = 'kept',
  ) => {
    if (isSent) throw new Error('a reader that ends in its turn asked for more after it')
    const place = asked.push(statement(text, values, plan)) - 1
    const found = await run.promise
    return (found[place]?.rows ?? []) as Row[]
  }
  const result = await work(ask)
  await run.promise
  return result
}
