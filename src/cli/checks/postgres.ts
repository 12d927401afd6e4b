import pg from 'pg'
import { findTenant, listTenants } from '../../domain/tenants/find-tenant.ts'
import { readPartitions } from '../../log/partitions.ts'
import { databaseProblems } from '../../platform/boot-guard.ts'
import { connectionOptions, type Db } from '../../platform/db.ts'
import { migrationStatus } from '../../platform/migrate.ts'
import type { WithDatabase } from '../installation.ts'
import { type Check, fail, look, ok, type Verdict, warn } from './check.ts'

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

export interface FoundRole {
  readonly name: string
  readonly super: boolean
  readonly bypasses: boolean
  readonly login: boolean
  /** Whether the application may run statements as this role. */
  readonly ours: boolean
  /** Whether it has its rights without becoming it; a superuser, who has all of them, is told so elsewhere. */
  readonly inherited: boolean
}

const roleNames = ['switchboard_app', 'switchboard_router', 'switchboard_lane'] as const

async function readRoles(db: Db): Promise<FoundRole[]> {
  const { rows } = await db.read.query<FoundRole>(
    `select rolname as name, rolsuper as super, rolbypassrls as bypasses, rolcanlogin as login,
       pg_has_role(current_user, oid, case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end) as ours,
       pg_has_role(current_user, oid, 'usage') and not (select rolsuper from pg_roles where rolname = current_user) as inherited
     from pg_roles where rolname = any ($1)`,
    [roleNames],
  )
  return rows
}

export function judgeRoles(roles: readonly FoundRole[]): Verdict {
  const [app, router, lane] = roleNames.map((name) => roles.find((role) => role.name === name))
  const advice = 'let a superuser run docs/database-roles.sql'
  if (!app || !router || !lane) {
    const missing = roleNames.filter((name) => roles.every((role) => role.name !== name))
    return fail(`missing: ${missing.join(', ')}`, advice)
  }
  for (const role of [app, lane])
    if (role.super || role.bypasses) return fail(`${role.name} is not bound by row security`, advice)
  if (!router.bypasses)
    return fail('switchboard_router is bound by row security, so intake finds no number', advice)
  if (!lane.ours)
    return warn(
      'switchboard_app may not become switchboard_lane, so webhooks cost several times as much',
      advice,
    )
  if (lane.inherited)
    return warn(
      'switchboard_app inherits from switchboard_lane, so its statements cost twice as much',
      advice,
    )
  const logins = roles.filter(({ login }) => login).map(({ name }) => name)
  if (logins.length > 0)
    return warn(
      `${logins.join(', ')} can log in`,
      'alter role … nologin; logins are members of switchboard_app',
    )
  return ok(`${roleNames.join(', ')} are as they must be`)
}

/** What the role of shared statements needs, as share_message_path() gives it. */
const sharedRights: Readonly<Record<string, readonly string[]>> = {
  channels: ['select'],
  tenants: ['select'],
  webhook_inbox: ['select', 'update'],
  contact_identities: ['select'],
  contacts: ['select'],
  messages: ['select', 'insert'],
  parked_updates: ['select'],
  conversations: ['select', 'update'],
  tenant_heads: ['select', 'update'],
  events: ['select', 'insert'],
}

export interface FoundShared {
  /** Tables with the policy that shows the role the tenants of its transaction. */
  readonly policies: number
  /** Tables on which the role has every right that it needs. */
  readonly rights: number
  /** Whether it may use the schema and append to logs. */
  readonly appends: boolean
}

async function readShared(db: Db, { DATABASE_SCHEMA: schema }: WithDatabase): Promise<FoundShared> {
  const needs = Object.entries(sharedRights).flatMap(([name, rights]) =>
    rights.map((right) => ({ name, right })),
  )
  const { rows } = await db.read.query<FoundShared>(
    `with need as (
       select c.relname, bool_and(has_table_privilege(r.oid, c.oid, w."right")) as has
       from json_to_recordset($2) as w(name text, "right" text) join pg_class c on c.relname = w.name
       join pg_namespace n on n.oid = c.relnamespace and n.nspname = $1 join pg_roles r on r.rolname = 'switchboard_lane'
       group by c.relname
     )
     select (select count(*)::integer from pg_policies where schemaname = $1 and policyname = 'shared_by_tenants'
         and roles = '{switchboard_lane}' and tablename in (select relname from need)) as policies,
       (select count(*)::integer from need where has) as rights,
       exists (select from pg_roles r, pg_namespace n join pg_proc p on p.pronamespace = n.oid
         where r.rolname = 'switchboard_lane' and n.nspname = $1 and p.proname = 'append_events_together'
           and has_schema_privilege(r.oid, n.oid, 'usage') and has_function_privilege(r.oid, p.oid, 'execute')) as appends`,
    [schema, JSON.stringify(needs)],
  )
  const [row] = rows
  if (!row) throw new Error('it answers nothing')
  return row
}

export function judgeShared({ policies, rights, appends }: FoundShared, schema: string): Verdict {
  const tables = Object.keys(sharedRights).length
  if (policies === tables && rights === tables && appends)
    return ok(`tenants may share them on ${tables} tables`)
  const missing = [
    policies === tables ? '' : `the policy on ${tables - policies} of ${tables} tables`,
    rights === tables ? '' : `rights on ${tables - rights} of ${tables} tables`,
    appends ? '' : 'the right to append events',
  ]
  return warn(
    `switchboard_lane lacks ${missing.filter(Boolean).join(', ')}, so webhooks cost several times as much`,
    `as the owner: call ${schema}.share_message_path()`,
  )
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
