import { setTimeout as pause } from 'node:timers/promises'
import type { EntityManager } from '@mikro-orm/postgresql'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { Failure } from '../contract/errors.ts'
import { catalogue, type EventData, type EventType } from '../contract/events/catalogue.ts'
import type { ActorView } from '../contract/events/define.ts'
import type { Doorbell } from '../doorbell/doorbell.ts'
import type { Clock } from '../platform/clock.ts'
import {
  type Db,
  isCollision,
  isForeignRow,
  isUnavailable,
  rollBack,
  type StatementPlan,
  statement,
} from '../platform/db.ts'
import type { JobData, JobName, Jobs } from '../platform/jobs.ts'
import type { Metrics } from '../platform/metrics.ts'
import { isUuid } from '../platform/uuid.ts'
import { type Appended, type Appending, newsOf } from './news.ts'
import type { TrailRow } from './trail-row.ts'
import { conversationOf, type Scope } from './scope.ts'

export interface LogDeps {
  readonly db: Db
  readonly doorbell: Doorbell
  readonly jobs: Jobs
  readonly clock: Clock
  /** Check every event against its schema before it is written: on outside production. */
  readonly checkEvents: boolean
  /** Where there is somebody to read it: how often row security refused a statement of ours. */
  readonly metrics?: Pick<Metrics, 'rlsContextErrors'>
}

const schemas = new Map(catalogue.map((definition) => [definition.type as EventType, definition.data]))

/**
 * An open transaction of one tenant, and the only thing that can record an event: nothing is announced that can still
 * be rolled back (LOG3). Rows of other tenants do not exist inside it.
 */
export class TenantTx {
  readonly tenantId: string
  /** The moment the transaction began, milliseconds; every row it writes shares it. */
  readonly now: Date
  readonly recorded: Appending[] = []
  readonly trail: TrailRow[] = []
  readonly nudges = new Map<string, { name: JobName; data: JobData[JobName] }>()
  readonly afterCommit: (() => void)[] = []
  readonly #client: pg.PoolClient
  readonly #orm: Db['orm']
  readonly #actor: ActorView
  readonly #checkEvents: boolean
  #em: EntityManager | undefined

  constructor(parts: {
    tenantId: string
    client: pg.PoolClient
    orm: Db['orm']
    actor: ActorView
    now: Date
    checkEvents: boolean
  }) {
    this.tenantId = parts.tenantId
    this.now = parts.now
    this.#client = parts.client
    this.#orm = parts.orm
    this.#actor = parts.actor
    this.#checkEvents = parts.checkEvents
  }

  /** Runs one statement with bound parameters; the rows, with timestamps as ISO text and bigint as number. */
  async query<Row extends object>(
    text: string,
    values: readonly unknown[] = [],
    plan: StatementPlan = 'kept',
  ): Promise<Row[]> {
    const result = await this.#client.query<Row & pg.QueryResultRow>(statement(text, values, plan))
    return result.rows
  }

  /** For records that people edit: an entity manager on this very transaction, flushed before the events are written. */
  get em(): EntityManager {
    if (!this.#em) {
      const client = this.#client
      const borrowed = { query: client.query.bind(client), release: () => {} } as unknown as pg.PoolClient
      const pool = { connect: () => Promise.resolve(borrowed), end: () => Promise.resolve(), options: {} }
      const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) })
      this.#em = this.#orm.em.fork({ clear: true })
      this.#em.setTransactionContext(kysely)
    }
    return this.#em
  }

  /** Notes a fact, to be written with the change when the transaction ends. `actor` when it is not who opened it. */
  record<Type extends EventType>(
    type: Type,
    data: EventData<Type>,
    scope: Scope,
    actor: ActorView = this.#actor,
  ): void {
    if (this.#checkEvents) schemas.get(type)?.parse(data)
    this.recorded.push({
      type,
      scope,
      conversationId: conversationOf(scope),
      actor: JSON.stringify(actor),
      payload: JSON.stringify(data),
    })
  }

  /** Notes a row of the audit trail, to be written with the change when the transaction ends. */
  audit(row: TrailRow): void {
    this.trail.push(row)
  }

  /** Wakes a worker after the commit. May be lost: the work itself must be a row that a sweep finds. */
  nudge<Name extends JobName>(name: Name, data: JobData[Name]): void {
    this.nudges.set(`${name} ${JSON.stringify(data)}`, { name, data })
  }

  /** Something to do in this process once it is committed, such as forgetting a cached row. */
  onCommit(then: () => void): void {
    this.afterCommit.push(then)
  }

  /**
   * Does a part that may fail alone: what it wrote, recorded and asked for is taken back then, and the transaction goes on.
   * Not for parts that use `em`, whose memory cannot be taken back.
   */
  async attempt<T>(part: () => Promise<T>): Promise<T> {
    const before = {
      recorded: this.recorded.length,
      trail: this.trail.length,
      nudges: [...this.nudges],
      then: this.afterCommit.length,
    }
    await this.#client.query('savepoint part')
    try {
      const result = await part()
      await this.#client.query('release savepoint part')
      return result
    } catch (error) {
      await this.#client.query('rollback to savepoint part; release savepoint part')
      this.recorded.length = before.recorded
      this.trail.length = before.trail
      this.nudges.clear()
      for (const [key, nudge] of before.nudges) this.nudges.set(key, nudge)
      this.afterCommit.length = before.then
      throw error
    }
  }

  async flush(): Promise<void> {
    if (this.#em) await this.#em.flush()
  }
}

const mostTries = 4

/**
 * Does `work` in one transaction of one tenant, writes its events behind it and then rings. Every business row is
 * written and locked first and the tenant's head row last, in the same round trip as the commit, so seq order is
 * commit order and writers of one tenant queue for no longer than a commit (LOG1, LOG2).
 *
 * Collisions are tried again, at most 3 times, so `work` may run more than once and must touch nothing but `tx`.
 * Fails with `unavailable` when the database does not answer; then it is not known whether a commit that was under
 * way happened, and the caller must ask again with its key.
 */
export async function inTenant<T>(
  deps: LogDeps,
  tenantId: string,
  work: (tx: TenantTx) => Promise<T>,
  actor: ActorView = { kind: 'system' },
): Promise<T> {
  // The id goes into the text of the statement below; anything but a UUID must not.
  if (!isUuid(tenantId)) throw new Failure('not_found')
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(deps, tenantId, work, actor)
    } catch (error) {
      if (isCollision(error) && attempt < mostTries) {
        await pause(Math.random() * 10 * attempt)
        continue
      }
      if (isForeignRow(error)) deps.metrics?.rlsContextErrors.inc()
      if (isUnavailable(error) && !(error instanceof Failure))
        throw new Failure('unavailable', {}, { cause: error })
      throw error
    }
  }
}

async function once<T>(
  deps: LogDeps,
  tenantId: string,
  work: (tx: TenantTx) => Promise<T>,
  actor: ActorView,
): Promise<T> {
  const client = await deps.db.write.connect()
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  try {
    await client.query(`begin; select set_config('app.tenant_id', '${tenantId}', true)`)
    const tx = new TenantTx({
      tenantId,
      client,
      orm: deps.db.orm,
      actor,
      now: deps.clock.now(),
      checkEvents: deps.checkEvents,
    })
    const result = await work(tx)
    await tx.flush()
    const news = await finish(client, tx, deps.doorbell.newsBytes)
    if (tx.recorded.length > 0) deps.doorbell.ring(tenantId, news)
    for (const { name, data } of tx.nudges.values()) deps.jobs.nudge(name, data)
    for (const then of tx.afterCommit) then()
    return result
  } catch (error) {
    broken ??= await rollBack(client, error)
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

/**
 * Appends and commits in one message: between taking a lock that the tenant's writers share and letting it go there is no
 * round trip. The trail comes first, so that who has nothing for it (the message path) does not wait for its hashes; in
 * one order for all, so that nobody waits for each other.
 * Answers with what a bell may tell of it; undefined when that is nothing or too much for a bell.
 */
async function finish(
  client: pg.PoolClient,
  { tenantId, recorded, trail }: TenantTx,
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

/** Reads rows of one tenant without recording anything. Uses the pool of replays. */
export async function readTenant<T>(
  deps: Pick<LogDeps, 'db'>,
  tenantId: string,
  work: (
    query: <Row extends object>(
      text: string,
      values?: readonly unknown[],
      plan?: StatementPlan,
    ) => Promise<Row[]>,
  ) => Promise<T>,
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
      // One snapshot for everything that is read here: a position and the rows that belong to it (LOG5).
      await client.query(
        `begin isolation level repeatable read read only; select set_config('app.tenant_id', '${tenantId}', true)`,
      )
      const result = await work(async (text, values = [], plan = 'kept') => {
        const found = await client.query(statement(text, values, plan))
        return found.rows
      })
      await client.query('commit')
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
