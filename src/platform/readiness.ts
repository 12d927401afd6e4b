import type { Redis } from 'ioredis'
import { databaseProblems } from './boot-guard.ts'
import type { Config } from './config.ts'
import type { Db } from './db.ts'
import { historyTable, knownMigrations } from './migrate.ts'
import { within } from './within.ts'

export interface Readiness {
  readonly ready: boolean
  readonly status: 'ready' | 'degraded' | 'not_ready'
  readonly checks: {
    readonly database: 'ok' | 'away' | 'unsafe'
    /** `behind`: migrations are missing. More than we know is fine, so that a release can be rolled back. */
    readonly schema: 'ok' | 'behind' | 'unknown'
    readonly redis: 'ok' | 'away'
    readonly draining: boolean
  }
}

export interface ReadinessDeps {
  readonly db: Pick<Db, 'read'>
  readonly redis: Redis
  readonly config: Pick<Config, 'NODE_ENV' | 'DATABASE_SCHEMA' | 'DATABASE_WAIT_MS'>
}

/**
 * Whether this process should get requests: the database answers in DATABASE_WAIT_MS and is safe to write to, its schema
 * is at least ours, and we are not going away. Redis is asked for nothing: without it we are slower, not wrong.
 * Checks that come at once share one look.
 */
export function readinessOf(deps: ReadinessDeps): (draining: boolean) => Promise<Readiness> {
  const known = knownMigrations()
  let safe = false
  let looking: Promise<Pick<Readiness['checks'], 'database' | 'schema'>> | undefined

  const lookAtDatabase = async (): Promise<Pick<Readiness['checks'], 'database' | 'schema'>> => {
    try {
      safe ||=
        (await within(databaseProblems(deps.db, deps.config), deps.config.DATABASE_WAIT_MS)).length === 0
      if (!safe) return { database: 'unsafe', schema: 'unknown' }
      const { rows } = await within(
        deps.db.read.query<{ name: string }>(`select name from ${historyTable}`),
        deps.config.DATABASE_WAIT_MS,
      )
      const executed = new Set(rows.map((row) => row.name))
      return { database: 'ok', schema: known.every((name) => executed.has(name)) ? 'ok' : 'behind' }
    } catch (error) {
      const noHistory =
        (error as { code?: string }).code === '42P01' || (error as { code?: string }).code === '42501'
      return noHistory ? { database: 'ok', schema: 'behind' } : { database: 'away', schema: 'unknown' }
    }
  }

  return async (draining) => {
    looking ??= lookAtDatabase().finally(() => {
      looking = undefined
    })
    const found = await looking
    const redis = deps.redis.status === 'ready' ? 'ok' : 'away'
    const ready = !draining && found.database === 'ok' && found.schema === 'ok'
    const status = !ready ? 'not_ready' : redis === 'ok' ? 'ready' : 'degraded'
    return { ready, status, checks: { ...found, redis, draining } }
  }
}
