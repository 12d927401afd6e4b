import type { Db } from '../../platform/db.ts'
import type { WithDatabase } from '../installation.ts'
import { fail, ok, type Verdict, warn } from './check.ts'

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

export async function readRoles(db: Db): Promise<FoundRole[]> {
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

export async function readShared(db: Db, { DATABASE_SCHEMA: schema }: WithDatabase): Promise<FoundShared> {
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
