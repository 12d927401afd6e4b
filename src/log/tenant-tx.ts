import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import type { EntityManager } from '@mikro-orm/postgresql'
import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { Failure } from '../contract/errors.ts'
import { catalogue, type EventData, type EventType } from '../contract/events/catalogue.ts'
import type { ActorView } from '../contract/events/define.ts'
import type { Doorbell } from '../doorbell/doorbell.ts'
import type { Clock } from '../platform/clock.ts'
import type { Connection } from '../platform/corked-client.ts'
import {
  type Db,
  isCollision,
  isForeignRow,
  isForgotten,
  isUnavailable,
  rollBack,
  type StatementPlan,
  statement,
} from '../platform/db.ts'
import type { JobData, JobName, Jobs } from '../platform/jobs.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Found } from '../platform/statement-run.ts'
import { isUuid } from '../platform/uuid.ts'
import { appendAndCommit } from './append-and-commit.ts'
import { type GatheredRows, gatheredRows, gatheredStatement } from './gathered.ts'
import type { Appending } from './news.ts'
import type { TrailRow } from './trail-row.ts'
import { conversationOf, type Scope } from './scope.ts'
import { scopeShape } from './scope-shape.ts'
import { beginning, type Plans, tenantIs } from './statements.ts'

export interface LogDeps {
  readonly db: Db
  readonly doorbell: Doorbell
  readonly jobs: Jobs
  readonly clock: Clock
  /** Check every event and its scope against their schemas before they are written: on outside production. */
  readonly checkEvents: boolean
  /** Where there is somebody to read it. */
  readonly metrics?: Partial<Pick<Metrics, 'rlsContextErrors' | 'seqLockWait' | 'commitToAck'>>
}

/** What a transaction asks its statements of: a connection, or its share of one, which gathers (shared-connection.ts). */
export type Asking = Pick<Connection, 'ask' | 'query'> & {
  gather?(text: string, rows: readonly GatheredRows[]): Promise<Found>
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
  readonly #client: Asking
  readonly #orm: Db['orm']
  readonly #actor: ActorView
  #unanswered: Promise<unknown>[] = []
  #failure: { readonly error: unknown } | undefined
  #isOver = false
  #isTakingBack = false
  readonly #checkEvents: boolean
  #em: EntityManager | undefined

  constructor(parts: {
    tenantId: string
    client: Asking
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
    this.#requireOpen()
    try {
      const { rows } = await this.#client.ask(statement(text, values, plan))
      return rows as Row[]
    } catch (error) {
      // It came from the reader of the line; whoever looks for a fault wants to know who asked.
      if (error instanceof Error) Error.captureStackTrace(error)
      throw error
    }
  }

  /**
   * Runs one statement whose answer nobody waits for, in its place among the others. When it fails, so does the transaction,
   * with its error, before anything is committed.
   */
  run(text: string, values: readonly unknown[] = []): void {
    this.#requireOpen()
    this.#unheeded(this.#client.ask(statement(text, values)))
  }

  /**
   * Runs a gathered statement: `$1`, `$2` … are JSON arrays of rows that name their tenant as `tenant_id`, which is added here,
   * and so must the rows that it answers with. It may name rows of its own tenant only: in a transaction that several tenants
   * share (`inTenants`) it is done once for all who ask for it in the same turn. Without rows for `$1` nothing is asked.
   */
  async gather<Row extends object>(text: string, ...lists: readonly (readonly object[])[]): Promise<Row[]> {
    this.#requireOpen()
    if (lists[0]?.length === 0) return []
    const { rows } = await this.#gathered(text, lists)
    return rows as Row[]
  }

  /** The same for a statement whose answer nobody waits for, as `run`. */
  runGathered(text: string, ...lists: readonly (readonly object[])[]): void {
    this.#requireOpen()
    if (lists[0]?.length !== 0) this.#unheeded(this.#gathered(text, lists))
  }

  #gathered(text: string, lists: readonly (readonly object[])[]): Promise<Found> {
    const rows = lists.map((list) => gatheredRows(this.tenantId, list))
    return this.#client.gather?.(text, rows) ?? this.#client.ask(gatheredStatement(text, [rows]))
  }

  #unheeded(answer: Promise<unknown>): void {
    answer.catch((error: unknown) => {
      this.#failure ??= { error }
    })
    this.#unanswered.push(answer)
  }

  /** Nothing is asked any more: another transaction may have the connection, and another tenant. */
  end(): void {
    this.#isOver = true
  }

  #requireOpen(): void {
    if (this.#isOver) throw new Error('asked after the end of its transaction')
    if (this.#isTakingBack) throw new Error('asked by a part that failed')
  }

  /**
   * Fails when something that was run is known to have failed. A value that pg cannot send fails here and never gets there, so
   * the server would commit the rest.
   */
  checkRun(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Settles when everything that was run is answered; fails with the first error. */
  async settled(): Promise<void> {
    const answers = this.#unanswered
    this.#unanswered = []
    await Promise.all(answers)
  }

  /**
   * Why it failed: a statement that nobody waits for may have, and everything after it then fails for that. A Failure says itself
   * why; what fails behind it in its turn does so for the reason that it was made of.
   */
  async reasonOf(error: unknown): Promise<unknown> {
    await this.settled().catch(() => {})
    return this.#failure && !(error instanceof Failure) ? this.#failure.error : error
  }

  /** For records that people edit: an entity manager on this very transaction, flushed before the events are written. */
  get em(): EntityManager {
    if (!this.#em) {
      const client = this.#client
      const query = (...asked: Parameters<typeof client.query>) => {
        this.#requireOpen()
        return client.query(...asked)
      }
      const borrowed = { query, release: () => {} } as unknown as pg.PoolClient
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
    if (this.#checkEvents) {
      schemas.get(type)?.parse(data)
      scopeShape.parse(scope)
    }
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
   * Not for parts that use `em`, whose memory cannot be taken back, nor where others share the transaction.
   */
  async attempt<T>(part: () => Promise<T>): Promise<T> {
    if (this.#client.gather) throw new Error('a part of a transaction that others share cannot fail alone')
    const before = {
      recorded: this.recorded.length,
      trail: this.trail.length,
      nudges: [...this.nudges],
      then: this.afterCommit.length,
    }
    await this.#client.query('savepoint part')
    try {
      const result = await part()
      await this.settled()
      await this.#client.query('release savepoint part')
      return result
    } catch (error) {
      // Another branch of the part may only now go on with what it was answered before the failure. What it asked behind the
      // rollback would stay; so by the turn after that, when all of them have met this, it may ask nothing.
      this.#isTakingBack = true
      const reason = await this.reasonOf(error)
      this.#failure = undefined
      await this.#client.query('rollback to savepoint part; release savepoint part')
      await nextTurn()
      this.#isTakingBack = false
      this.recorded.length = before.recorded
      this.trail.length = before.trail
      this.nudges.clear()
      for (const [key, nudge] of before.nudges) this.nudges.set(key, nudge)
      this.afterCommit.length = before.then
      throw reason
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
 * Collisions, and connections whose plans a migration made stale, are tried again, at most 3 times, so `work` may run more than once and must touch nothing but `tx`.
 * Fails with `unavailable` when the database does not answer; then it is not known whether a commit that was under
 * way happened, and the caller must ask again with its key.
 */
export async function inTenant<T>(
  deps: LogDeps,
  tenantId: string,
  work: (tx: TenantTx) => Promise<T>,
  actor: ActorView = { kind: 'system' },
  plans?: Plans,
): Promise<T> {
  if (!isUuid(tenantId)) throw new Failure('not_found')
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(deps, tenantId, work, actor, plans)
    } catch (error) {
      if ((isCollision(error) || isForgotten(error)) && attempt < mostTries) {
        await pause(Math.random() * 10 * attempt)
        continue
      }
      throw told(deps, error)
    }
  }
}

/** What the caller of a transaction that failed is told. */
export function told(deps: LogDeps, error: unknown): unknown {
  if (isForeignRow(error)) deps.metrics?.rlsContextErrors?.inc()
  return isUnavailable(error) && !(error instanceof Failure)
    ? new Failure('unavailable', {}, { cause: error })
    : error
}

async function once<T>(
  deps: LogDeps,
  tenantId: string,
  work: (tx: TenantTx) => Promise<T>,
  actor: ActorView,
  plans: Plans | undefined,
): Promise<T> {
  const client = (await deps.db.write.connect()) as Connection
  let broken: Error | undefined
  try {
    // Nobody waits for these answers either: the first statement goes out together with them.
    const begun = Promise.all([client.ask(beginning), client.ask(tenantIs(tenantId, plans))])
    begun.catch(() => {})
    const tx = new TenantTx({
      tenantId,
      client,
      orm: deps.db.orm,
      actor,
      now: deps.clock.now(),
      checkEvents: deps.checkEvents,
    })
    const { result, news } = await whole(deps, client, tx, begun, work)
    tell(deps, tx, news)
    return result
  } catch (error) {
    broken = await rollBack(client, error)
    throw error
  } finally {
    client.release(broken)
  }
}

/** What follows a commit: the bell, whoever is to be woken, and what this process has to do. */
export function tell(deps: LogDeps, tx: TenantTx, news: string | undefined): void {
  if (tx.recorded.length > 0) deps.doorbell.ring(tx.tenantId, news)
  for (const { name, data } of tx.nudges.values()) deps.jobs.nudge(name, data)
  for (const then of tx.afterCommit) then()
}

/** The work and what ends it. Fails with the first error. */
async function whole<T>(
  deps: LogDeps,
  client: Connection,
  tx: TenantTx,
  begun: Promise<unknown>,
  work: (tx: TenantTx) => Promise<T>,
): Promise<{ result: T; news: string | undefined }> {
  try {
    const result = await work(tx)
    await tx.flush()
    // Outside a transaction nothing must be appended; by now this is answered and costs nothing.
    await begun
    tx.checkRun()
    tx.end()
    // What is not answered yet stands before the end in the line: when it fails, so does the end.
    const end = appendAndCommit(client, tx, deps.doorbell.newsBytes, deps.metrics)
    const [, news] = await Promise.all([tx.settled(), end])
    return { result, news }
  } catch (error) {
    tx.end()
    throw await tx.reasonOf(error)
  }
}
