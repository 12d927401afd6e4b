import { hash } from 'node:crypto'
import { MikroORM, type EntitySchema } from '@mikro-orm/postgresql'
import pg from 'pg'
import { Failure } from '../contract/errors.ts'
import type { Config } from './config.ts'
import { CorkedClient } from './corked-client.ts'
import { integersOf } from './integers-of.ts'

/**
 * The database of one process. Facts and records are written through `write` (and `orm`, which borrows its
 * connections inside a transaction, see src/log/tenant-tx.ts); replays read through `read`, a pool of their own, so
 * that a reconnect storm cannot stop writes.
 */
export interface Db {
  readonly write: pg.Pool
  readonly read: pg.Pool
  readonly orm: MikroORM
  /** Whom the statements of both run as, as SET ROLE says it; `none` is the login itself. */
  readonly role: string
  close(): Promise<void>
}

type DbConfig = Pick<
  Config,
  | 'DATABASE_OWNER_URL'
  | 'DATABASE_SCHEMA'
  | 'DATABASE_POOL'
  | 'DATABASE_READ_POOL'
  | 'DATABASE_WAIT_MS'
  | 'DATABASE_STATEMENT_MS'
  | 'DATABASE_LOCK_MS'
> & { readonly DATABASE_URL: string }

const types = pg.types
/** Not among pg's builtins, which are no arrays. */
const integerArray = 1007 as number
const parseAnyIntegers: (text: string) => unknown = types.getTypeParser(integerArray, 'text')
const parseIntegers = (text: string) => integersOf(text, parseAnyIntegers)

/**
 * bigint as number (ours stay below 2^53), timestamps as ISO 8601 in UTC with milliseconds, which is how they go over
 * the wire; everything else as pg has it. Sessions run in UTC, so the text always ends in +00.
 */
function parserOf(oid: number, format?: 'text' | 'binary') {
  if (oid === types.builtins.INT8) return Number
  if (oid === types.builtins.TIMESTAMPTZ) return isoOf
  if (oid === integerArray) return parseIntegers
  return types.getTypeParser(oid, format as 'text')
}

function isoOf(text: string): string {
  // As nearly all of them come: 2026-11-21 09:38:15.123456+00, where the end of the fraction may be missing.
  if (text.length >= 26 && text[10] === ' ' && text[19] === '.' && text.endsWith('+00'))
    return `${text.slice(0, 10)}T${text.slice(11, 23)}Z`
  const [date, clock] = text.split(' ') as [string, string | undefined]
  if (clock === undefined) return text
  const [seconds, fraction = ''] = clock.replace(/[+-]\d\d(:\d\d)?$/, '').split('.') as [
    string,
    string | undefined,
  ]
  return `${date}T${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`
}

/** libpq's meaning of sslmode (`require` does not check the certificate, `verify-full` does), which operators expect. */
function connectionString(url: string): string {
  const parsed = new URL(url)
  if (parsed.searchParams.has('sslmode')) parsed.searchParams.set('uselibpqcompat', 'true')
  return parsed.toString()
}

/** How much longer than its longest statement a server may be silent. */
const silenceMs = 1000

/** Without an owner's URL the login may own the tables, so it takes the role that does not. */
const roleOf = (config: DbConfig): string => (config.DATABASE_OWNER_URL ? 'none' : 'switchboard_app')

/** Options of every connection. */
export function connectionOptions(config: DbConfig, application: string): pg.PoolConfig {
  return {
    connectionString: connectionString(config.DATABASE_URL),
    application_name: `switchboard-${application}`,
    options: `-c search_path=${config.DATABASE_SCHEMA} -c timezone=UTC -c role=${roleOf(config)}`,
    connectionTimeoutMillis: config.DATABASE_WAIT_MS,
    statement_timeout: config.DATABASE_STATEMENT_MS,
    lock_timeout: config.DATABASE_LOCK_MS,
    idle_in_transaction_session_timeout: config.DATABASE_STATEMENT_MS,
    // The server ends a slow statement itself; this ends the wait for one that is gone without a word.
    query_timeout: config.DATABASE_STATEMENT_MS + silenceMs,
    keepAlive: true,
    // Statements that do not wait for each other's answers go out together: one round trip and one wakeup instead of several.
    pipeline: true,
    types: { getTypeParser: parserOf as typeof types.getTypeParser },
  }
}

/** Opens the pools; connects lazily, so a database that is away is found by the first use (and by /ready). */
export function openDb(config: DbConfig, entities: readonly EntitySchema[], application: string): Db {
  const options = connectionOptions(config, application)
  const write = guardedPool({ ...options, max: config.DATABASE_POOL })
  const read = guardedPool({ ...options, max: config.DATABASE_READ_POOL })
  // An idle connection that breaks is thrown away by the pool; the next use makes a new one.
  write.on('error', () => {})
  read.on('error', () => {})
  // The constructor, unlike init(), does not connect: a process starts while the database is away.
  const orm = new MikroORM({
    clientUrl: connectionString(config.DATABASE_URL),
    dbName: new URL(config.DATABASE_URL).pathname.slice(1) || 'postgres',
    schema: config.DATABASE_SCHEMA,
    entities: [...entities],
    ensureDatabase: false,
    discovery: { warnWhenNoEntities: false },
    forceUtcTimezone: true,
    driverOptions: { ...options, max: 2 },
  })
  return {
    write,
    read,
    orm,
    role: roleOf(config),
    close: async () => {
      await Promise.allSettled([write.end(), read.end(), orm.close(true)])
    },
  }
}

/**
 * A pool whose new connections are asked, before they are used, whether they lead to a server whose past was rewritten (a
 * restore, a promoted standby), in which case all logs begin a new epoch (LOG8). Once per connection is enough, because a
 * server's lineage changes only while it is down; a connection to a standby is asked before each use until that is none any
 * more. A question that fails is not ours to tell: before the first migration there is nothing to guard.
 */
function guardedPool(options: pg.PoolConfig): pg.Pool {
  const standbys = new WeakSet<pg.ClientBase>()
  const guard = async (client: pg.ClientBase): Promise<void> => {
    try {
      const { rows } = await client.query<{ moved: number | null }>('select guard_lineage() as moved')
      if (rows[0]?.moved === null) standbys.add(client)
      else standbys.delete(client)
    } catch {}
  }
  // The pool waits for what this answers with, which its types do not say.
  const onConnect = (client: pg.ClientBase): unknown => {
    // One that breaks while it is in use tells whoever uses it, by the statement that fails, and the pool throws it away.
    client.on('error', () => {})
    return guard(client)
  }
  const pool = new pg.Pool({ ...options, onConnect, Client: CorkedClient })
  // Statements of a connection run in the order they were given, so this one comes before those of whoever got it.
  pool.on('acquire', (client) => {
    if (standbys.has(client)) void guard(client)
  })
  return pool
}

/** A text that was used this often is worth a plan that is kept; lists with filters make texts that come once. */
const usesBeforePlan = 3
/** Texts that earn a plan by use, at most, some 20 kB for each on a connection. Who comes later has none. */
export const mostPlans = 400
const uses = new Map<string, number>()
const names = new Map<string, string>()

/**
 * `kept`: whatever the values are, the same plan is right, as when one record is looked up. `fresh`: the plan depends on the
 * values (a filter that everything passes, or nothing), so each use is planned anew.
 */
export type StatementPlan = 'kept' | 'fresh'

/**
 * A statement for pg, with a name once its text was used a few times. Then each connection parses and plans it once, which is
 * half of what a short statement costs under row security (docs/measurements.md).
 */
export function statement(
  text: string,
  values: readonly unknown[],
  plan: StatementPlan = 'kept',
): pg.QueryConfig {
  const bound = { text, values: values as unknown[] }
  if (plan === 'fresh') return bound
  const name = names.get(text)
  if (name !== undefined) return { name, ...bound }
  if (names.size >= mostPlans) return bound
  const used = (uses.get(text) ?? 0) + 1
  if (used < usesBeforePlan) {
    if (uses.size >= mostPlans * 4) uses.clear()
    uses.set(text, used)
  } else {
    uses.delete(text)
    names.set(text, nameOf(text))
  }
  return bound
}

const lasting = new Map<string, string>()

/**
 * A statement with a name from its first use on, however many others have one by then. For texts that the program holds and that
 * are few, on the way of every message: a process that had served all of its screens before its first number was connected would
 * otherwise parse and plan them anew for each.
 */
export function lastingStatement(text: string, values: readonly unknown[]): pg.QueryConfig {
  const name = lasting.get(text) ?? nameOf(text)
  lasting.set(text, name)
  return { name, text, values: values as unknown[] }
}

const nameOf = (text: string): string => hash('sha256', text, 'hex').slice(0, 20)

const gone = new Set([
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  '25P03',
])
const network = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH'])

/** Whether an error says that the database is away or out of connections, rather than that the statement was wrong. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof Failure) return error.code === 'unavailable'
  const { code, message } = error as { code?: string; message?: string }
  return (
    (code !== undefined && (gone.has(code) || network.has(code))) ||
    /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error/.test(
      message ?? '',
    ) ||
    isSilence(error)
  )
}

/** Whether a server did not answer at all: nothing more can be asked on that connection. */
function isSilence(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout'
}

/**
 * What the connection had prepared is not there any more, or has other columns since a migration: it would fail for as long as the
 * connection lives.
 */
export function isForgotten(error: unknown): error is Error {
  const { code, message = '' } = error as { code?: string; message?: string }
  return code === '26000' || (code === '0A000' && message.includes('cached plan'))
}

/** Takes a transaction back after an error. Answers with what is wrong with the connection when it is of no more use. */
export async function rollBack(client: pg.PoolClient, after: unknown): Promise<Error | undefined> {
  if (isSilence(after) || isForgotten(after)) return after
  try {
    await client.query('rollback')
    return undefined
  } catch (error) {
    return error as Error
  }
}

/** Two transactions met head-on and this one lost; trying again can work. */
export function isCollision(error: unknown): boolean {
  const { code } = error as { code?: string }
  return code === '40001' || code === '40P01'
}

/** Row security refused a row of another tenant, or of none: a mistake of ours, for no caller can name a tenant. */
export function isForeignRow(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  return code === '42501' && (message ?? '').includes('row-level security')
}

export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const found = error as { code?: string; constraint?: string }
  return found.code === '23505' && (constraint === undefined || found.constraint === constraint)
}
