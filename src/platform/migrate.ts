import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Migration, Migrator } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/postgresql'
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

async function withMigrator<T>(
  config: MigrateConfig,
  directory: string,
  work: (migrator: Migrator) => Promise<T>,
): Promise<T> {
  const url = new URL(config.DATABASE_OWNER_URL ?? config.DATABASE_URL)
  if (url.searchParams.has('sslmode')) url.searchParams.set('uselibpqcompat', 'true')
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

/** Takes back the newest migration, or every one (`to: 'nothing'`); the names of what was undone. */
export function migrateDown(
  config: MigrateConfig,
  to: 'previous' | 'nothing' = 'previous',
  directory = migrationsDirectory,
): Promise<string[]> {
  return withMigrator(config, directory, async (migrator) =>
    (await migrator.down(to === 'nothing' ? { to: 0 } : undefined)).map((one) => one.name),
  )
}

export function migrationStatus(
  config: MigrateConfig,
  directory = migrationsDirectory,
): Promise<{ executed: string[]; pending: string[] }> {
  return withMigrator(config, directory, async (migrator) => ({
    executed: (await migrator.getExecuted()).map((one) => one.name),
    pending: (await migrator.getPending()).map((one) => one.name),
  }))
}

/** Names of all migrations that this code knows; what /ready compares the database with. */
export function knownMigrations(directory = migrationsDirectory): string[] {
  return sqlMigrations(directory).map((one) => one.name)
}
