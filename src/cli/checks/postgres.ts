import pg from 'pg'
import { findTenant, listTenants } from '../../domain/tenants/find-tenant.ts'
import { readPartitions } from '../../log/partitions.ts'
import { databaseProblems } from '../../platform/boot-guard.ts'
import { connectionOptions, type Db } from '../../platform/db.ts'
import { migrationStatus } from '../../platform/migrate.ts'
import type { WithDatabase } from '../installation.ts'
import { type Check, fail, look, ok, type Verdict, warn } from './check.ts'
import { judgeRoles, judgeShared, readRoles, readShared } from './roles.ts'

/** `unique nulls not distinct` of our schema came with 15. */
const leastVersion = 150_000
const skewWarnMs = 1000
const leastHoursAhead = 48
const busyShare = 0.8

type Look = (name: string, judge: () => Verdict | Promise<Verdict>, advice: string) => Promise<Check>
const lookAt: Look = (name, judge, advice) => look('PostgreSQL', name, judge, advice)

interface Server {
  readonly version: string
  readonly number: number
  readonly user: string
  readonly database: string
  readonly host: string
  readonly readOnly: boolean
  readonly connections: number
  readonly mostConnections: number
  /** How far its clock is ahead of ours, in milliseconds; half the way there and back is taken off. */
  readonly skewMs: number
}

/** The server itself, asked by the login as it is, without the role that migrations make. */
export async function checkServer(config: WithDatabase): Promise<Check[]> {
  let server: Server
  try {
    server = await askServer(config)
  } catch (error) {
    return [
      await lookAt(
        'reachable',
        () => Promise.reject(error),
        'see whether it runs and what DATABASE_URL says',
      ),
    ]
  }
  const { user, database, host } = server
  return Promise.all([
    lookAt('reachable', () => ok(`${database} at ${host} as ${user}`), ''),
    lookAt('version', () => judgeVersion(server), ''),
    lookAt('writable', () => judgeWritable(server), ''),
    lookAt('connections', () => judgeConnections(server, config), ''),
    lookAt('clock', () => judgeSkew(server.skewMs, config.JWT_LEEWAY * 1000), ''),
  ])
}

async function askServer(config: WithDatabase): Promise<Server> {
  const client = new pg.Client({ ...connectionOptions(config, 'doctor'), options: '-c timezone=UTC' })
  // A connection that breaks fails the query under way; without a listener it would end the process.
  client.on('error', () => {})
  await client.connect()
  try {
    const askedAt = Date.now()
    const { rows: times } = await client.query<{ now_ms: number }>(
      'select extract(epoch from clock_timestamp())::double precision * 1000 as now_ms',
    )
    const midwayAt = (askedAt + Date.now()) / 2
    const { rows } = await client.query<Omit<Server, 'skewMs' | 'host'>>(
      `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
              current_user as user, current_database() as database,
              pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' as "readOnly",
              (select sum(numbackends)::int from pg_stat_database) as connections,
              current_setting('max_connections')::int as "mostConnections"`,
    )
    const [row] = rows
    if (!row) throw new Error('it answers nothing')
    const { host } = new URL(config.DATABASE_URL)
    return { ...row, host, skewMs: (times[0]?.now_ms ?? midwayAt) - midwayAt }
  } finally {
    await client.end()
  }
}

function judgeVersion({ version, number }: Server): Verdict {
  return number >= leastVersion ? ok(version) : fail(version, 'upgrade to PostgreSQL 15 or newer')
}

function judgeWritable({ readOnly }: Server): Verdict {
  return readOnly
    ? fail('read only', 'point DATABASE_URL to the primary; this is a replica, or writing is switched off')
    : ok('yes')
}

function judgeConnections({ connections, mostConnections }: Server, config: WithDatabase): Verdict {
  const found = `${connections} of ${mostConnections} in use; a process takes up to ${config.DATABASE_POOL + config.DATABASE_READ_POOL + 2}`
  return connections > mostConnections * busyShare
    ? warn(
        found,
        'raise max_connections, lower DATABASE_POOL and DATABASE_READ_POOL, or put a pooler in between',
      )
    : ok(found)
}

export function judgeSkew(skewMs: number, leewayMs: number): Verdict {
  const found = `${Math.abs(skewMs) < 1 ? 'less than 1' : Math.round(Math.abs(skewMs))} ms ${skewMs < 0 ? 'behind' : 'ahead of'} ours`
  const advice = 'let both machines keep their time by NTP'
  if (Math.abs(skewMs) > Math.max(leewayMs, skewWarnMs)) return fail(found, advice)
  return Math.abs(skewMs) > skewWarnMs ? warn(found, advice) : ok(found)
}

/** Whether migrations are missing; everything behind it makes sense only when none is. */
export function checkSchema(config: WithDatabase): Promise<Check> {
  return lookAt(
    'migrations',
    async () => {
      const { executed, pending } = await migrationStatus(config)
      if (pending.length > 0)
        return fail(`${pending.length} are missing: ${pending.join(', ')}`, 'run: switchboard migrate up')
      return ok(`${executed.length} applied, the newest is ${executed.at(-1)}`)
    },
    'see whether DATABASE_OWNER_URL is right',
  )
}

/** Roles, rights, partitions and tenants of a schema that is current. */
export function checkOurs(db: Db, config: WithDatabase): Promise<Check[]> {
  return Promise.all([
    lookAt(
      'safe to write to',
      async () => {
        const problems = await databaseProblems(db, config)
        const advice = 'no process starts before this is changed'
        return problems.length === 0
          ? ok('durable, and row security binds us')
          : fail(problems.join('; '), advice)
      },
      'see docs/database-roles.sql',
    ),
    lookAt('roles', async () => judgeRoles(await readRoles(db)), 'see docs/database-roles.sql'),
    lookAt(
      'shared statements',
      async () => judgeShared(await readShared(db, config), config.DATABASE_SCHEMA),
      'see docs/database-roles.sql',
    ),
    lookAt('partitions', () => judgePartitions(db), 'run: switchboard migrate status'),
    lookAt('tenants', () => judgeTenants(db, config), 'run: switchboard migrate status'),
  ])
}

async function judgePartitions(db: Db): Promise<Verdict> {
  const { from, to, missing, hoursAhead } = await readPartitions({ db })
  const advice = 'see whether workers run: they make partitions every hour'
  if (missing.length > 0) return fail(`none for ${missing.join(', ')}`, advice)
  const found = `from ${from} to ${to}`
  return hoursAhead < leastHoursAhead
    ? warn(`${found}, only ${Math.round(hoursAhead)} h ahead`, advice)
    : ok(found)
}

async function judgeTenants(db: Db, config: WithDatabase): Promise<Verdict> {
  const tenants = await listTenants({ db })
  const suspended = tenants.filter((one) => one.status === 'suspended').map((one) => one.slug)
  const found = `${tenants.length}${suspended.length > 0 ? `, suspended: ${suspended.join(', ')}` : ''}`
  if ((await findTenant({ db }, config.JWT_TENANT)) === undefined)
    return warn(
      `${found}; the default one is not there`,
      `tokens that name no tenant are refused; run: switchboard tenant create ${config.JWT_TENANT}`,
    )
  return ok(found)
}
