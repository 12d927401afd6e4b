import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { inject } from 'vitest'
import { migrateUp, migrationsDirectory } from '../../src/platform/migrate.ts'

const lockKey = 4_021_771

/** The databases that this test file has made. */
const made: string[] = []

/** Runs statements outside of any of our databases, as the superuser of the run. */
async function administer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl('postgres') })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** URL of a database on the run's server, as its superuser. */
export function databaseUrl(name: string): string {
  const url = new URL(inject('pgUrl'))
  url.pathname = `/${name}`
  return url.toString()
}

/**
 * The name carries a hash of all migrations, so an old template is never mistaken for the present one, and of the day, because
 * they make the log's partitions from that on.
 */
function templateName(): string {
  const hash = createHash('sha256').update(new Date().toISOString().slice(0, 10))
  for (const file of readdirSync(migrationsDirectory).sort())
    hash.update(file).update(readFileSync(join(migrationsDirectory, file)))
  return `template_${hash.digest('hex').slice(0, 16)}`
}

/**
 * A fresh database with our schema, cloned from a template that is migrated once per run (about 35 ms instead of a
 * second). It goes with the test file: all of a run's together take 14 GB.
 */
export async function createDatabase(): Promise<{ name: string; url: string }> {
  const template = templateName()
  const name = `test_${randomBytes(6).toString('hex')}`
  await administer(async (client) => {
    await client.query('select pg_advisory_lock($1)', [lockKey])
    const { rowCount } = await client.query('select from pg_database where datname = $1', [template])
    if (rowCount === 0) {
      const making = `${template}_${process.pid}`
      await client.query(`create database ${making}`)
      await migrateUp({
        DATABASE_URL: databaseUrl(making),
        DATABASE_OWNER_URL: undefined,
        DATABASE_SCHEMA: 'public',
      })
      await client.query(`alter database ${making} rename to ${template}`)
    }
    await client.query(`create database ${name} template ${template}`)
    await client.query('select pg_advisory_unlock($1)', [lockKey])
  })
  made.push(name)
  return { name, url: databaseUrl(name) }
}

/** An empty database, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<{ name: string; url: string }> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await administer((client) => client.query(`create database ${name}`))
  made.push(name)
  return { name, url: databaseUrl(name) }
}

/** The same URL for a new login that owns nothing and that row security binds, as an installation has it beside the owner. */
export async function addLogin(url: string): Promise<string> {
  const [login, password] = [`login_${randomBytes(6).toString('hex')}`, randomBytes(12).toString('hex')]
  const own = new URL(url)
  await administer(async (client) => {
    await client.query(
      `create role ${login} login nosuperuser nobypassrls password '${password}' in role switchboard_app`,
    )
    await client.query(`grant connect on database ${own.pathname.slice(1)} to ${login}`)
  })
  own.username = login
  own.password = password
  return own.toString()
}

/** How many sessions of this hub's database wait for a lock that another has. */
export async function waitingForLocks(hub: {
  readonly config: { readonly DATABASE_URL: string }
}): Promise<number> {
  const { rows } = await administer((client) =>
    client.query<{ count: number }>(
      `select count(*)::integer from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'`,
      [new URL(hub.config.DATABASE_URL).pathname.slice(1)],
    ),
  )
  return rows[0]?.count ?? 0
}

/** Drops them all, whoever is still connected. One that cannot be dropped fails it, after the others. */
export async function dropDatabases(): Promise<void> {
  const failures: unknown[] = []
  await administer(async (client) => {
    for (const name of made.splice(0))
      await client.query(`drop database ${name} with (force)`).catch((error: unknown) => failures.push(error))
  })
  if (failures.length > 0) throw failures[0]
}
