import type pg from 'pg'
import type { Connection } from '../../src/platform/corked-client.ts'
import type { Db } from '../../src/platform/db.ts'
import type { Found, Statement } from '../../src/platform/statement-run.ts'

/** What one statement of a transaction looked at in all tables and indexes of ours, its functions, triggers and foreign keys included. */
export interface StatementReads {
  readonly text: string
  /** Rows of tables that were read from end to end, and entries of indexes, each wanted or not. */
  readonly read: number
  /** Where most of them were. */
  readonly where: string
}

/** One connection for everything that writes. */
export interface WatchedDb {
  readonly db: Db
  /** What the statements of its transactions read, behind so many commits from now. */
  count(afterCommits: number): readonly StatementReads[]
  release(): void
}

/** Counts of the present transaction; they begin anew with each. */
const counting: Statement = {
  name: 'what was read so far',
  text: `select c.relname as name, pg_stat_get_xact_tuples_returned(c.oid)::integer as read
    from pg_class c where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'i')
      and pg_stat_get_xact_tuples_returned(c.oid) > 0`,
}

/**
 * A connection of the application, on which the statements of transactions are asked one by one and counted. Whoever uses it
 * does one thing after the other.
 */
export async function watchReads(db: Db): Promise<WatchedDb> {
  const real = (await db.write.connect()) as Connection
  let reads: StatementReads[] = []
  let commitsToPass = 0
  const countNow = async (): Promise<ReadonlyMap<string, number>> =>
    new Map((await real.ask(counting)).rows.map(({ name, read }) => [name as string, read as number]))
  const counted = async (statement: Statement): Promise<Found> => {
    const before = await countNow()
    const found = await real.ask(statement)
    const more = [...(await countNow())]
      .map(([name, read]) => ({ name, read: read - (before.get(name) ?? 0) }))
      .toSorted((one, other) => other.read - one.read)
    reads.push({
      text: statement.text,
      read: more.reduce((sum, { read }) => sum + read, 0),
      where: more[0]?.name ?? 'nowhere',
    })
    return found
  }
  let last: Promise<unknown> = Promise.resolve()
  const ask = (statement: Statement): Promise<Found> => {
    const isEdge = /^(begin|commit)/.test(statement.text)
    const answer = last.then(() => (isEdge || commitsToPass > 0 ? real.ask(statement) : counted(statement)))
    if (statement.text === 'commit') commitsToPass -= 1
    last = answer.catch(() => {})
    return answer
  }
  const client = { ask, query: real.query.bind(real), release: () => {} }
  const write = { connect: () => Promise.resolve(client), query: db.write.query.bind(db.write) }
  return {
    db: { ...db, write: write as unknown as pg.Pool },
    count: (afterCommits) => {
      commitsToPass = afterCommits
      reads = []
      return reads
    },
    release: () => real.release(),
  }
}
