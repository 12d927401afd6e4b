import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Migration, Migrator } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/postgresql'
import pg from 'pg'
import { Failure } from '../contract/errors.ts'
import type { Config } from './config.ts'

export const migrationsDirectory = join(import.meta.dirname, '../../migrations')

/** History table of ours, named so that it collides with nobody's. */
export const historyTable = 'switchboard_migrations'

/** One at a time, over all processes and databases of the cluster (roles are shared). */
const lockKey = 7_318_205_466

type MigrateConfig = Pick<Config, 'DATABASE_OWNER_URL' | 'DATABASE_SCHEMA'> & {
  readonly DATABASE_URL: string
}

/** Pairs NNNNNN_name.up.sql / .down.sql as MikroORM's migrator wants them. */
function sqlMigrations(directory: string) {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.up.sql'))
    .sort()
    .map((file) => {
      const name = file.slice(0, -'.up.sql'.length)
      const read = (way: 'up' | 'down') => readFileSync(join(directory, `${name}.${way}.sql`), 'utf8')
      return {
        name,
        class: class extends Migration {
          override isTransactional(): boolean {
            return !read('up').startsWith('-- no-transaction')
          }
          override up(): void {
            this.addSql(read('up'))
          }
          override down(): void {
            this.addSql(read('down'))
          }
        },
      }
    })
}

/** Who owns our tables, with libpq's meaning of sslmode. */
function ownerUrl(config: MigrateConfig): URL {
  const url = new URL(config.DATABASE_OWNER_URL ?? config.DATABASE_URL)
  if (url.searchParams.has('sslmode')) url.searchParams.set('uselibpqcompat', 'true')
  return url
}

async function withMigrator<T>(
  config: MigrateConfig,
  directory: string,
  work: (migrator: Migrator) => Promise<T>,
): Promise<T> {
  const url = ownerUrl(config)
  const schema = config.DATABASE_SCHEMA
  const orm = await MikroORM.init({
    clientUrl: url.toString(),
    dbName: url.pathname.slice(1) || 'postgres',
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: {
      migrationsList: sqlMigrations(directory),
      tableName: `${schema}.${historyTable}`,
      snapshot: false,
      silent: true,
    },
    driverOptions: {
      options: `-c search_path=${schema} -c timezone=UTC`,
      application_name: 'switchboard-migrate',
    },
    pool: { max: 2 },
  })
  try {
    // The migrator takes no lock of its own: three processes that start together would all create the first table.
    return await orm.em.fork().transactional(async (em) => {
      await em.execute('select pg_advisory_xact_lock(?)', [lockKey])
      await orm.em.fork().execute(`create schema if not exists "${schema}"`)
      return work(orm.migrator as Migrator)
    })
  } finally {
    await orm.close(true)
  }
}

/** Brings the schema up to date; the names of what was run, oldest first. Safe to call from many processes at once. */
export function migrateUp(config: MigrateConfig, directory = migrationsDirectory): Promise<string[]> {
  return withMigrator(config, directory, async (migrator) => (await migrator.up()).map((one) => one.name))
}

/**
 * Takes back the newest migration, the newest `to` ones, or every one (`nothing`); the names of what was undone. Refuses
 * before anything is changed (`conflict`) when one of them is of a newer release, whose way back this code does not have.
 */
export function migrateDown(
  config: MigrateConfig,
  to: 'previous' | 'nothing' | number = 'previous',
  directory = migrationsDirectory,
): Promise<string[]> {
  return withMigrator(config, directory, async (migrator) => {
    if (to === 'nothing') return (await migrator.down({ to: 0 })).map((one) => one.name)
    const executed = (await migrator.getExecuted()).map((one) => one.name)
    const migrations = executed.slice(-(to === 'previous' ? 1 : to))
    const known = new Set(knownMigrations(directory))
    const foreign = migrations.filter((name) => !known.has(name))
    if (foreign.length > 0)
      throw new Failure(
        'conflict',
        {},
        {
          message: `this release does not know ${foreign.join(', ')}; the release that made it takes it back`,
        },
      )
    return (await migrator.down({ migrations })).map((one) => one.name)
  })
}

/**
 * Which migrations ran, oldest first, and which of those that this code knows did not. Looks only: it makes neither schema
 * nor history, so it may ask a database that is not ours yet. Fails as connections fail.
 */
export async function migrationStatus(
  config: MigrateConfig,
  directory = migrationsDirectory,
): Promise<{ executed: string[]; pending: string[] }> {
  const client = new pg.Client({
    connectionString: ownerUrl(config).toString(),
    application_name: 'switchboard-migrate',
    connectionTimeoutMillis: 5000,
  })
  // A connection that breaks fails the query under way; without a listener it would end the process.
  client.on('error', () => {})
  await client.connect()
  try {
    const history = `${config.DATABASE_SCHEMA}.${historyTable}`
    const { rows: found } = await client.query('select from pg_class where oid = to_regclass($1)', [history])
    const { rows } =
      found.length === 0
        ? { rows: [] as { name: string }[] }
        : await client.query<{ name: string }>(`select name from ${history} order by id`)
    const executed = rows.map((row) => row.name)
    return { executed, pending: knownMigrations(directory).filter((name) => !executed.includes(name)) }
  } finally {
    await client.end()
  }
}

const template = (name: string, way: 'up' | 'down'): string =>
  way === 'up'
    ? `-- ${name.replaceAll('_', ' ')}: why it is needed, and what changes.
-- Locks: which, on what, for how long. Old code: how it survives this.

`
    : `-- Takes ${name} back. What is lost with it: say so here.

`

/** Writes the pair of files of a new migration with the next free number; the paths of both. Never overwrites. */
export function createMigration(name: string, directory = migrationsDirectory): { up: string; down: string } {
  const last = knownMigrations(directory).at(-1) ?? '000000'
  const numbered = `${String(Number(last.slice(0, 6)) + 1).padStart(6, '0')}_${name}`
  const write = (way: 'up' | 'down'): string => {
    const path = join(directory, `${numbered}.${way}.sql`)
    writeFileSync(path, template(name, way), { flag: 'wx' })
    return path
  }
  return { up: write('up'), down: write('down') }
}

/** Names of all migrations that this code knows; what /ready compares the database with. */
export function knownMigrations(directory = migrationsDirectory): string[] {
  return sqlMigrations(directory).map((one) => one.name)
}
