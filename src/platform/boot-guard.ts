import type { Redis } from 'ioredis'
import type { Config } from './config.ts'
import type { Db } from './db.ts'
import { within } from './within.ts'

/** Settings that would make "committed" mean less than it says. */
const durable = [
  ['fsync', 'a power cut could destroy the database'],
  ['synchronous_commit', 'what we called stored could be lost by a crash'],
  ['full_page_writes', 'a power cut could leave torn pages'],
] as const

type GuardConfig = Pick<Config, 'NODE_ENV' | 'DATABASE_SCHEMA'>

/**
 * What is wrong with the database as it is set up, one sentence each with the setting that says so; none when all is well.
 * Servers of tests run without durability on purpose. Fails as queries fail when the database is away.
 */
export async function databaseProblems(db: Pick<Db, 'read'>, config: GuardConfig): Promise<string[]> {
  const problems: string[] = []
  if (config.NODE_ENV !== 'test') {
    const { rows } = await db.read.query<{ name: string; setting: string }>(
      'select name, setting from pg_settings where name = any($1)',
      [durable.map(([name]) => name)],
    )
    for (const [name, harm] of durable)
      if (rows.some((row) => row.name === name && row.setting === 'off'))
        problems.push(`PostgreSQL runs with ${name}=off: ${harm}; set ${name}=on`)
  }
  return [...problems, ...(await roleProblems(db, config))]
}

/**
 * Row security binds neither superusers nor roles with BYPASSRLS, and an owner can take it away. It has to bind the role that
 * shared statements run as too; without that role tenants share none.
 */
async function roleProblems(db: Pick<Db, 'read'>, config: GuardConfig): Promise<string[]> {
  const { rows } = await db.read.query<{
    name: string
    super: boolean
    bypasses: boolean
    lane: boolean
    owned: string | null
  }>(
    `select r.rolname as name, r.rolsuper as super, r.rolbypassrls as bypasses, r.rolname <> current_user as lane,
            (select min(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1 and c.relowner = r.oid and c.relrowsecurity and r.rolname = current_user) as owned
     from pg_roles r where r.rolname in (current_user, 'switchboard_lane') order by lane`,
    [config.DATABASE_SCHEMA],
  )
  return rows.flatMap((role) => {
    const who = role.lane
      ? `the role of shared statements ${role.name}`
      : `the application's role ${role.name}`
    const advice = role.lane
      ? `alter role ${role.name} nosuperuser nobypassrls (docs/database-roles.sql)`
      : 'let DATABASE_URL log in as a role that is a member of switchboard_app and nothing else (docs/database-roles.sql)'
    const problems: string[] = []
    if (role.super) problems.push(`${who} is a superuser: tenants would not be kept apart; ${advice}`)
    if (role.bypasses && !role.super)
      problems.push(`${who} has BYPASSRLS: tenants would not be kept apart; ${advice}`)
    if (role.owned !== null)
      problems.push(`${who} owns the table ${role.owned}: it could take row security away; ${advice}`)
    return problems
  })
}

/**
 * What is wrong with Redis. One that evicts keys throws away jobs that it was given without telling. Fails as commands
 * fail when Redis is away. INFO is asked rather than CONFIG, which managed servers forbid.
 */
export async function redisProblems(redis: Redis): Promise<string[]> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1]
  return policy === undefined || policy === 'noeviction'
    ? []
    : [`Redis evicts keys (maxmemory-policy ${policy}): jobs would vanish; set maxmemory-policy noeviction`]
}

/**
 * The reasons to refuse to start: servers set up so that facts could be lost or tenants mixed, a sentence each. A server
 * that is away is none; /ready finds it, and looks again whether the database is safe when it comes back.
 */
export async function bootProblems(deps: {
  readonly db: Pick<Db, 'read'>
  readonly redis: Redis
  readonly config: GuardConfig & Pick<Config, 'DATABASE_WAIT_MS'>
}): Promise<string[]> {
  const none = (): string[] => []
  const found = await Promise.all([
    within(databaseProblems(deps.db, deps.config), deps.config.DATABASE_WAIT_MS).catch(none),
    within(onceReady(deps.redis).then(redisProblems), deps.config.DATABASE_WAIT_MS).catch(none),
  ])
  return found.flat()
}

function onceReady(redis: Redis): Promise<Redis> {
  if (redis.status === 'ready') return Promise.resolve(redis)
  return new Promise((resolve) => {
    redis.once('ready', () => resolve(redis))
  })
}
