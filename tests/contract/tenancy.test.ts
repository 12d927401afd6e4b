import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenants } from '../../src/log/in-tenants.ts'
import { shareBegins } from '../../src/log/statements.ts'
import { inTenant, type TenantTx } from '../../src/log/tenant-tx.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'

let hub: Hub
let owner: pg.Client
let other: { id: string }

/** The tables that tenants share, in the order in which intake comes to them: measured with one of them locked at a time. */
const messagePath = [
  'channels',
  'tenants',
  'webhook_inbox',
  'contact_identities',
  'contacts',
  'messages',
  'parked_updates',
  'conversations',
  'tenant_heads',
  'events',
]

interface Table {
  name: string
  forced: boolean
  enabled: boolean
  owner: string
}

/** Every table of ours that says whose a row is, partitions too, and `tenants` itself. */
async function tables(): Promise<Table[]> {
  const { rows } = await owner.query<Table>(
    `select c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced, pg_get_userbyid(c.relowner) as owner
     from pg_class c
     where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
       and (c.relname = 'tenants' or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
     order by 1`,
  )
  return rows
}

const fill: Record<string, string> = {
  uuid: 'gen_random_uuid()',
  jsonb: `'{}'`,
  json: `'{}'`,
  bytea: `'\\x00'`,
  'timestamp with time zone': 'now()',
  date: 'current_date',
  boolean: 'false',
  integer: '1',
  smallint: '1',
  bigint: '1',
  'double precision': '1',
}

/** One row of the first tenant in every table, whatever its columns mean: keys and checks are off for it. */
async function fillEveryTable(all: readonly Table[]): Promise<void> {
  await owner.query(`set session_replication_role = replica`)
  const { rows: checks } = await owner.query<{ statement: string }>(
    `select format('alter table %s drop constraint %I', conrelid::regclass, conname) as statement from pg_constraint
     where contype = 'c' and connamespace = current_schema()::regnamespace and coninhcount = 0`,
  )
  for (const { statement } of checks) await owner.query(statement)
  for (const { name } of all.filter((table) => !/^events_\d/.test(table.name))) {
    if (name === 'tenants' || name === 'events_default') continue
    const { rows: columns } = await owner.query<{ name: string; type: string }>(
      `select column_name as name, data_type as type from information_schema.columns
       where table_schema = current_schema() and table_name = $1 and column_name <> 'tenant_id' and is_nullable = 'NO'
         and column_default is null and identity_generation is null and is_generated = 'NEVER'`,
      [name],
    )
    const values = columns.map((column) => fill[column.type] ?? `'x'`)
    // A new tenant has rows of its own in some of them.
    await owner.query(
      `insert into ${name} (${['tenant_id', ...columns.map((column) => column.name)].join(', ')})
       select ${[`'${hub.tenant.id}'`, ...values].join(', ')}
       where not exists (select from ${name} where tenant_id = '${hub.tenant.id}')`,
    )
  }
  // Beyond every partition that exists.
  await owner.query(
    `insert into events (tenant_id, epoch, seq, type, scope, actor, payload, occurred_at)
     values ($1, 1, 2, 'x', '{}', '{}', '{}', '2100-01-01')`,
    [hub.tenant.id],
  )
  await owner.query(`set session_replication_role = default`)
}

beforeAll(async () => {
  hub = await startHub()
  other = await hub.addTenant()
  owner = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await owner.connect()
  await fillEveryTable(await tables())
})
afterAll(async () => {
  await owner.end()
  await hub[Symbol.asyncDispose]()
})

describe('the catalogue', () => {
  test('[TEN1] every table with a tenant has row security, forced, with a policy that checks writes too', async () => {
    const all = await tables()
    expect(all.length).toBeGreaterThan(25)
    const { rows: policies } = await owner.query<{
      tablename: string
      policyname: string
      cmd: string
      permissive: string
      qual: string
      with_check: string
      roles: string
    }>(
      'select tablename, policyname, cmd, permissive, qual, with_check, roles::text from pg_policies where schemaname = current_schema()',
    )
    for (const table of all) {
      expect(table, table.name).toMatchObject({ enabled: true, forced: true })
      const own = policies.filter(({ tablename, roles }) => tablename === table.name && roles === '{public}')
      expect(own, table.name).toHaveLength(1)
      expect(own[0], table.name).toMatchObject({ cmd: 'ALL', permissive: 'PERMISSIVE', roles: '{public}' })
      for (const rule of [own[0]?.qual, own[0]?.with_check])
        expect(rule, table.name).toMatch(/= \( SELECT current_tenant\(\)/)
    }
    const others = policies.filter(({ roles }) => roles !== '{public}')
    const byName = (a: { tablename: string }, b: { tablename: string }) =>
      a.tablename < b.tablename ? -1 : 1
    expect(others.toSorted(byName)).toEqual(
      messagePath.toSorted().map((tablename) => {
        const column = tablename === 'tenants' ? 'id' : 'tenant_id'
        const rule = `(${column} = ANY (( SELECT current_tenants() AS current_tenants)::uuid[]))`
        return {
          tablename,
          policyname: 'shared_by_tenants',
          cmd: 'ALL',
          permissive: 'PERMISSIVE',
          qual: rule,
          with_check: rule,
          roles: '{switchboard_lane}',
        }
      }),
    )
  })

  test('[TEN7] the message path is shared anew at any time, and whoever is on it meanwhile goes on', async () => {
    const [walker, sharer] = [1, 2].map(() => new pg.Client({ connectionString: hub.config.DATABASE_URL }))
    if (!walker || !sharer) throw new Error('unreachable')
    await Promise.all([walker.connect(), sharer.connect()])
    const walk = (some: readonly string[]) =>
      walker.query(`lock table ${some.join(', ')} in row exclusive mode`)
    try {
      for (let place = 1; place < messagePath.length; place++) {
        await walker.query('begin')
        await walk(messagePath.slice(0, place))
        const sharing = sharer.query('call share_message_path()')
        const goOn = async () => {
          try {
            await eventually(async () => {
              const { rowCount } = await owner.query(
                `select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())`,
              )
              expect(rowCount).toBe(1)
            })
            await walk(messagePath.slice(place))
          } finally {
            await walker.query('commit')
          }
        }
        await Promise.all([goOn(), sharing])
      }
    } finally {
      await Promise.all([walker.end(), sharer.end()])
    }
  })

  test('[TEN1] tables without a tenant are known one by one', async () => {
    const { rows } = await owner.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
         and relname <> all ($1) order by 1`,
      [(await tables()).map((table) => table.name)],
    )
    expect(rows.map((row) => row.name)).toEqual([
      'log_lineage',
      'operator_keys',
      'sign_in_attempts',
      'switchboard_migrations',
    ])
  })

  test('[TEN3] the application owns nothing and may become nobody but who shares statements, whose rights it does not have', async () => {
    const { rows } = await owner.query<{ kind: string; name: string }>(
      `select 'class' as kind, relname::text as name from pg_class where relowner = 'switchboard_app'::regrole
       union all select 'function', proname::text from pg_proc where proowner = 'switchboard_app'::regrole
       union all select 'schema', nspname::text from pg_namespace where nspowner = 'switchboard_app'::regrole
       union all select 'member of', roleid::regrole::text from pg_auth_members where member = 'switchboard_app'::regrole`,
    )
    expect(rows).toEqual([{ kind: 'member of', name: 'switchboard_lane' }])
    const { rows: inherits } = await owner.query(
      `select pg_has_role('switchboard_app', 'switchboard_lane', 'usage') as inherits`,
    )
    expect(inherits).toEqual([{ inherits: false }])
    const { rows: roles } = await owner.query(
      `select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = 'switchboard_app'`,
    )
    expect(roles).toEqual([
      { rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false },
    ])
    const { rows: truncates } = await owner.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
         and (has_table_privilege('switchboard_app', oid, 'truncate') or has_table_privilege('switchboard_app', oid, 'trigger')
           or has_table_privilege('switchboard_app', oid, 'references'))`,
    )
    expect(truncates).toEqual([])
  })

  test('[TEN3] functions that look across tenants are few, belong to the router and trust no search path', async () => {
    const { rows } = await owner.query<{ name: string; owner: string; path: string | null }>(
      `select proname as name, pg_get_userbyid(proowner) as owner,
              (select c from unnest(proconfig) c where c like 'search_path=%') as path
       from pg_proc where pronamespace = current_schema()::regnamespace and prosecdef order by 1`,
    )
    for (const row of rows) {
      expect(row.path, row.name).toMatch(/pg_temp"?$/)
      if (!['maintain_event_partitions', 'analyze_grown'].includes(row.name))
        expect(row.owner, row.name).toBe('switchboard_router')
    }
  })

  test('[ACC9] S30 the trail and the log take new rows only', async () => {
    for (const table of ['audit_logs', 'events'])
      for (const verb of [
        `update ${table} set tenant_id = tenant_id`,
        `delete from ${table}`,
        `truncate ${table}`,
      ])
        await expect(
          inTenant(hub.deps, hub.tenant.id, (tx) => tx.query(verb)),
          verb,
        ).rejects.toMatchObject({ code: '42501' })
  })
})

describe('rows', () => {
  test('[TEN1] [TEN2] without a tenant, and as another one, no table shows, changes or takes a row', async () => {
    for (const { name } of await tables()) {
      if (/^events_\d/.test(name)) continue
      const column = name === 'tenants' ? 'id' : 'tenant_id'
      const { rows: mine } = await owner.query<{ row: string }>(
        `select to_json(t)::text as row from ${name} t where ${column} = $1 limit 1`,
        [hub.tenant.id],
      )
      expect(mine, name).toHaveLength(1)

      const seen = await readTenant(hub.deps, hub.tenant.id, (query) =>
        query(`select 1 from ${name} where ${column} = $1`, [hub.tenant.id]),
      )
      expect(seen.length, `${name}, own`).toBeGreaterThan(0)

      const { rows: without } = await hub.deps.db.write.query(`select 1 from ${name}`)
      expect(without, `${name}, no tenant`).toEqual([])

      const theirs = await readTenant(hub.deps, other.id, (query) =>
        query(`select 1 from ${name} where ${column} = $1`, [hub.tenant.id]),
      )
      expect(theirs, `${name}, other tenant`).toEqual([])

      for (const verb of [
        `update ${name} set ${column} = ${column} where ${column} = $1`,
        `delete from ${name} where ${column} = $1`,
      ])
        await inTenant(hub.deps, other.id, (tx) => tx.query(`${verb} returning 1`, [hub.tenant.id])).then(
          (changed) => expect(changed, verb).toEqual([]),
          (error: { code?: string }) => expect(error.code, verb).toBe('42501'),
        )

      const forging = inTenant(hub.deps, other.id, (tx) =>
        tx.query(`insert into ${name} select * from json_populate_record(null::${name}, $1)`, [mine[0]?.row]),
      )
      // A generated column refuses before the policy is asked; a row that was not written is all that counts.
      await expect(forging, name).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|428C9)$/) })
    }
  })

  test('[TEN7] a statement that tenants share sees their rows and those of nobody else, in the tables of the message path only', async () => {
    const third = await hub.addTenant()
    /** As who shares a transaction with others: the rows of a statement, or the code of its refusal. */
    const together = async (tenants: readonly string[], text: string, values: readonly unknown[] = []) => {
      const client = await hub.deps.db.write.connect()
      try {
        await client.query('begin')
        await client.query(shareBegins(tenants, 1000).text, shareBegins(tenants, 1000).values)
        return (await client.query(text, [...values])).rows
      } catch (error) {
        return (error as { code?: string }).code
      } finally {
        await client.query('rollback')
        client.release()
      }
    }
    /** The setting alone, without the role. */
    const asApplication = async (tenants: readonly string[], text: string) => {
      const client = await hub.deps.db.write.connect()
      try {
        await client.query('begin')
        await client.query(`select set_config('app.tenant_ids', $1, true)`, [tenants.join(',')])
        return (await client.query(text)).rows
      } finally {
        await client.query('rollback')
        client.release()
      }
    }
    const shared: string[] = []
    const changed: string[] = []
    for (const { name } of await tables()) {
      if (name.startsWith('events_')) continue
      const column = name === 'tenants' ? 'id' : 'tenant_id'
      const mine = `select to_json(t)::text as row from ${name} t where ${column} = $1 limit 1`
      const { rows } = await owner.query<{ row: string }>(mine, [hub.tenant.id])
      const seen = await together([third.id, hub.tenant.id], mine, [hub.tenant.id])
      if (seen !== '42501') {
        expect(seen, name).toEqual(rows)
        expect(await together([third.id, other.id], mine, [hub.tenant.id]), name).toEqual([])
        expect(await together([], `select 1 from ${name}`), name).toEqual([])
        expect(await asApplication([third.id, hub.tenant.id], `select 1 from ${name}`), name).toEqual([])
        shared.push(name)
      }
      const touched = `update ${name} set ${column} = ${column} where ${column} = $1 returning 1`
      const own = await together([third.id, hub.tenant.id], touched, [hub.tenant.id])
      if (own !== '42501') {
        expect(own?.length, name).toBeGreaterThan(0)
        expect(await together([third.id, other.id], touched, [hub.tenant.id]), name).toEqual([])
        changed.push(name)
      }
      const forged = `insert into ${name} select * from json_populate_record(null::${name}, $1)`
      expect(await together([third.id, other.id], forged, [rows[0]?.row]), name).toMatch(/^(42501|428C9)$/)
    }
    expect(shared).toEqual(messagePath.toSorted())
    expect(changed).toEqual(['conversations', 'tenant_heads', 'webhook_inbox'])
  })

  test('[TEN2] the tenant does not outlive its transaction: not a commit, an error or a failed statement', async () => {
    const client = await hub.deps.db.write.connect()
    client.release()
    const share = (work: (tx: TenantTx) => Promise<unknown>) => ({ tenantId: hub.tenant.id, work })
    const attempts = [
      () => inTenant(hub.deps, hub.tenant.id, (tx) => tx.query('select 1')),
      () => inTenant(hub.deps, hub.tenant.id, () => Promise.reject(new Error('mine'))),
      () => inTenant(hub.deps, hub.tenant.id, (tx) => tx.query('select 1 / 0')),
      () => inTenants(hub.deps, [share(() => Promise.resolve())], { kind: 'system' }, 1000),
      () => inTenants(hub.deps, [share((tx) => tx.query('select 1 / 0'))], { kind: 'system' }, 1000),
      () => readTenant(hub.deps, hub.tenant.id, (query) => query('select 1')),
      () => readTenant(hub.deps, hub.tenant.id, () => Promise.reject(new Error('mine'))),
    ]
    for (const attempt of attempts) {
      await attempt().catch(() => {})
      for (const pool of [hub.deps.db.write, hub.deps.db.read])
        expect((await pool.query(`select 1 from teams union all select 1 from tenants`)).rows).toEqual([])
    }
  })
})
