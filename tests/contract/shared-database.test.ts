import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { openDeps, type ServedConfig } from '../../src/deps.ts'
import { createTenant } from '../../src/domain/tenants/create-tenant.ts'
import { readConfig } from '../../src/platform/config.ts'
import { knownMigrations, migrateDown, migrateUp, migrationStatus } from '../../src/platform/migrate.ts'
import { startRest } from '../../src/rest/server.ts'
import { createEmptyDatabase } from '../harness/database.ts'
import { testEnvironment } from '../harness/hub.ts'
import { restClient } from '../harness/rest-client.ts'
import { forge, goodClaims } from '../harness/tokens.ts'

const neighbours = [
  'blogs',
  'categories',
  'content_items',
  'content_sources',
  'media',
  'pages',
  'posts',
  'transcripts',
  'user_interactions',
  'visitors',
]

/** A database as the CMS left it: its ten tables in `public`, with keys, an index, a trigger and rows. */
async function withNeighbours(): Promise<{ url: string; client: pg.Client }> {
  const { url } = await createEmptyDatabase()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(
    `create function touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$`,
  )
  for (const name of neighbours) {
    await client.query(
      `create table ${name} (id serial primary key, title varchar(200) not null, body jsonb default '{}', updated_at timestamptz default now())`,
    )
    await client.query(`create index ${name}_by_title on ${name} (title)`)
    await client.query(`create trigger touch before update on ${name} for each row execute function touch()`)
    await client.query(
      `insert into ${name} (title, body) select '${name} ' || n, jsonb_build_object('n', n) from generate_series(1, 20) n`,
    )
  }
  return { url, client }
}

/** All there is of the neighbours' tables: rows with their places and transactions, files, columns, rights, owners. */
async function pictureOf(client: pg.Client): Promise<unknown> {
  const picture: unknown[] = []
  for (const name of neighbours) {
    const { rows } = await client.query(
      `select ctid::text, xmin::text, xmax::text, t.* from public.${name} t order by id`,
    )
    const { rows: table } = await client.query(
      `select oid::text, relfilenode, relacl::text, relowner::regrole::text, relrowsecurity, relforcerowsecurity, relhastriggers,
              (select json_agg(json_build_array(attname, atttypid::regtype::text, attnotnull, attacl) order by attnum)
               from pg_attribute a where a.attrelid = c.oid and attnum > 0) as columns,
              (select json_agg(pg_get_indexdef(indexrelid) order by indexrelid) from pg_index where indrelid = c.oid) as indexes,
              (select json_agg(pg_get_constraintdef(k.oid) order by k.oid) from pg_constraint k where conrelid = c.oid) as constraints,
              (select json_agg(pg_get_triggerdef(t.oid) order by t.oid) from pg_trigger t where tgrelid = c.oid) as triggers
       from pg_class c where c.oid = 'public.${name}'::regclass`,
    )
    picture.push({ name, rows, table })
  }
  return picture
}

/** What is in the database beside the system, its extensions (which neighbours may use too) and the neighbours. */
async function oursIn(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'S', 'v', 'm')
       and not (n.nspname = 'public' and c.relname ~ $1)
     union all
     select n.nspname || '.' || p.proname || '()' from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and p.proname <> 'touch'
       and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
     order by 1`,
    [`^(${neighbours.join('|')})(_id_seq)?$`],
  )
  return rows.map((row) => row.name)
}

describe.each(['public', 'crm'])('our tables in the schema %s of a database that the CMS uses', (schema) => {
  test('[TEN6] up, down and up again leave the neighbours byte for byte as they were', async () => {
    const { url, client } = await withNeighbours()
    const config = { DATABASE_URL: url, DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: schema }
    const before = await pictureOf(client)
    expect(await oursIn(client)).toEqual([])

    expect(await migrateUp(config)).toEqual(knownMigrations())
    const built = await oursIn(client)
    expect(built.every((name) => name.startsWith(`${schema}.`))).toBe(true)
    expect(built).toContain(`${schema}.customers`)
    expect(await migrateUp(config)).toEqual([])
    expect(await pictureOf(client)).toEqual(before)

    expect(await migrateDown(config, 'nothing')).toEqual(knownMigrations().toReversed())
    expect((await oursIn(client)).filter((name) => !name.includes('switchboard_migrations'))).toEqual([])
    expect(await pictureOf(client)).toEqual(before)

    expect(await migrateUp(config)).toEqual(knownMigrations())
    expect(await oursIn(client)).toEqual(built)
    expect(await migrationStatus(config)).toEqual({ executed: knownMigrations(), pending: [] })
    expect(await pictureOf(client)).toEqual(before)
    await client.end()
  })

  test('[TEN6] the application may not read, write or even see into a table of theirs', async () => {
    const { url, client } = await withNeighbours()
    await migrateUp({ DATABASE_URL: url, DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: schema })
    for (const name of neighbours) {
      const { rows } = await client.query(
        `select has_table_privilege('switchboard_app', 'public.${name}', 'select, insert, update, delete, truncate') as any_right`,
      )
      expect(rows, name).toEqual([{ any_right: false }])
    }
    await client.end()
  })

  test('[TEN6] a process works there, and the neighbours notice nothing', async () => {
    const { url, client } = await withNeighbours()
    await migrateUp({ DATABASE_URL: url, DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: schema })
    const before = await pictureOf(client)
    const environment = {
      ...testEnvironment(url),
      DATABASE_SCHEMA: schema,
      GRAPH_API_URL: 'http://127.0.0.1:1/v23.0',
    }
    const deps = openDeps(readConfig(environment) as ServedConfig, 'test-shared')
    const server = await startRest(deps, { port: 0 })
    const rest = restClient(`http://127.0.0.1:${server.port}`)
    await createTenant(deps, { slug: 'main', name: 'Main' })
    expect((await rest.call('GET', '/ready')).status).toBe(200)
    const token = forge(goodClaims({ role: 'admin' }))
    const json = {
      provider: 'whatsapp-cloud',
      name: 'n',
      phoneNumberId: '1',
      wabaId: '1',
      displayPhoneNumber: '1',
      accessToken: 'a',
      appSecret: 'b',
      verifyToken: 'c',
    }
    const created = await rest.call<{ data: { id: string } }>('POST', '/api/v1/channels', { token, json })
    expect(created.status, created.text).toBe(201)
    const path = `/api/v1/channels/${created.body.data.id}`
    expect((await rest.call('PATCH', path, { token, json: { name: 'changed' } })).status).toBe(200)
    const { rows } = await client.query(`select name from ${schema}.channels`)
    expect(rows).toEqual([{ name: 'changed' }])
    expect((await rest.call('DELETE', path, { token })).status).toBe(204)
    expect(await pictureOf(client)).toEqual(before)
    await server.close()
    await deps.close()
    await client.end()
  })
})

test('[TEN6] none of our tables bears a name of theirs', async () => {
  const { url } = await createEmptyDatabase()
  await migrateUp({ DATABASE_URL: url, DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: 'public' })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relname = any ($1)`,
    [neighbours],
  )
  expect(rows).toEqual([])
  await client.end()
})

test('[TEN6] three processes that migrate at the same moment do it once', async () => {
  const { url } = await createEmptyDatabase()
  const config = { DATABASE_URL: url, DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: 'crm' }
  const runs = await Promise.all([1, 2, 3].map(() => migrateUp(config)))
  expect(runs.flat()).toEqual(knownMigrations())
})
