import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { migrateUp, migrationsDirectory } from '../../src/platform/migrate.ts'
import { databaseUrl } from '../harness/database.ts'

const tenants = [
  '01a1fcee-c940-7000-9cf0-c2319d33019a',
  '01a1fcee-c940-7000-9cf0-c2319d33019b',
  '01a1fcee-c940-7000-9cf0-c2319d33019c',
]
const deals = 400

/** A database as it was before a migration, and a way to bring it up to now. */
async function openBefore(migration: string, locale = `locale 'C'`) {
  const name = `upgrade_${randomBytes(6).toString('hex')}`
  const server = new pg.Client({ connectionString: inject('pgUrl') })
  await server.connect()
  await server.query(`create database ${name} template template0 ${locale}`)
  await server.end()
  const config = { DATABASE_URL: databaseUrl(name), DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: 'public' }
  const before = mkdtempSync(join(tmpdir(), 'migrations-'))
  for (const file of readdirSync(migrationsDirectory).filter((file) => file < migration))
    cpSync(join(migrationsDirectory, file), join(before, file))
  await migrateUp(config, before)
  rmSync(before, { recursive: true })
  const db = new pg.Client({ connectionString: config.DATABASE_URL })
  await db.connect()
  return { db, upgrade: () => migrateUp(config) }
}

test('[PIPE1] [DEAL8] stages and deals from before there were pipelines are in one, in the order they had', async () => {
  const { db, upgrade } = await openBefore('000023')
  try {
    for (const [at, id] of tenants.entries()) {
      await db.query('insert into tenants (id, slug, name, shard) values ($1, $2, $2, 1)', [id, `t${at}`])
      // The last one has never had a stage.
      if (at === 2) continue
      await db.query(
        `insert into pipeline_stages (tenant_id, name, position, probability) select $1, 's' || n, 1, n from generate_series(1, 3) n`,
        [id],
      )
      await db.query(
        `insert into deals (tenant_id, title, stage_id, value_minor)
         select $1, n::text, (select min(id) from pipeline_stages where tenant_id = $1) + n % 3, case when n = 5 then -3 else n end
         from generate_series(1, $2::integer) n`,
        [id, deals],
      )
    }
    await upgrade()
    const { rows: pipelines } = await db.query<{ tenant_id: string; is_default: boolean }>(
      'select tenant_id, is_default from pipelines order by tenant_id',
    )
    expect(pipelines).toEqual(tenants.slice(0, 2).map((id) => ({ tenant_id: id, is_default: true })))
    const { rows: stages } = await db.query<{ name: string; position: number }>(
      `select s.name, s.position from pipeline_stages s join pipelines p using (tenant_id) where s.pipeline_id = p.id order by s.tenant_id, s.position`,
    )
    expect(stages.map(({ name: stage, position }) => `${stage} ${position}`)).toEqual([
      's1 1',
      's2 2',
      's3 3',
      's1 1',
      's2 2',
      's3 3',
    ])
    const { rows } = await db.query<{ id: number; stage_id: number; position: string; probability: number }>(
      'select id, stage_id, position, probability from deals order by stage_id, position',
    )
    expect(rows.map(({ id }) => id)).toEqual(
      rows.toSorted((one, other) => one.stage_id - other.stage_id || one.id - other.id).map(({ id }) => id),
    )
    expect(new Set(rows.map((row) => `${row.stage_id} ${row.position}`)).size).toBe(2 * deals)
    const { rows: left } = await db.query('select tenant_id from tenants_without_pipeline(10)')
    expect(left).toEqual([{ tenant_id: tenants[2] }])
  } finally {
    await db.end()
  }
})

test('[DEAL3] stays that were cut down to whole seconds are as long as they were', async () => {
  const { db, upgrade } = await openBefore('000047')
  const [id] = tenants
  try {
    await db.query('insert into tenants (id, slug, name, shard) values ($1, $2, $2, 1)', [id, 't'])
    await db.query(`insert into pipelines (tenant_id, name, is_default) values ($1, 'p', true)`, [id])
    await db.query(
      `insert into pipeline_stages (tenant_id, pipeline_id, name, position, probability) select $1, (select id from pipelines), 's', 1, 10`,
      [id],
    )
    await db.query(
      `insert into deals (tenant_id, title, stage_id, probability, position)
       select $1, n::text, (select id from pipeline_stages), 10, 'a' || n from generate_series(1, 2) n`,
      [id],
    )
    // Two deals; what one of them says of its last stay is not what its changes say, and is left alone.
    await db.query(
      `insert into deal_stage_changes (tenant_id, id, deal_id, from_stage_id, to_stage_id, actor, at, seconds_in_stage)
       select $1, gen_random_uuid(), v.deal, case when v.seconds is not null then s.id end, s.id, '{}', timestamptz '2026-01-01' + v.at * interval '1 second', v.seconds
       from pipeline_stages s, (values (1, 0, null), (1, 1.9, 1), (1, 3.9, 2), (2, 0.5, null), (2, 1.25, 0), (2, 9, 99)) v(deal, at, seconds)`,
      [id],
    )
    await upgrade()
    const { rows } = await db.query<{ seconds_in_stage: number | null }>(
      'select seconds_in_stage from deal_stage_changes order by deal_id, at',
    )
    expect(rows.map((row) => row.seconds_in_stage)).toEqual([null, 1.9, 2, null, 0.75, 99])
  } finally {
    await db.end()
  }
})

test('[PPL5] numbers that were written down with the 0 of home are the same as those without it', async () => {
  const { db, upgrade } = await openBefore('000048')
  const [id] = tenants
  try {
    await db.query('insert into tenants (id, slug, name, shard) values ($1, $2, $2, 1)', [id, 't'])
    await db.query(
      `insert into contacts (tenant_id, first_name) select $1, n::text from generate_series(1, 3) n`,
      [id],
    )
    await db.query(
      `insert into contact_identities (tenant_id, kind, value, contact_id)
       values ($1, 'phone', '49017155501', 1), ($1, 'wa_id', '4917155501', 2), ($1, 'phone', '390612345678', 3)`,
      [id],
    )
    await upgrade()
    const { rows } = await db.query<{ phone_key: string }>(
      'select phone_key from contact_identities order by contact_id',
    )
    expect(rows.map((row) => row.phone_key)).toEqual(['4917155501', '4917155501', '390612345678'])
  } finally {
    await db.end()
  }
})

test.each([`locale 'C'`, `locale 'C' locale_provider builtin builtin_locale 'C.UTF-8'`])(
  '[CRM10] with %s, what was written before capital letters of every script were folded is found',
  async (locale) => {
    const { db, upgrade } = await openBefore('000051', locale)
    const [id] = tenants
    try {
      await db.query('insert into tenants (id, slug, name, shard) values ($1, $2, $2, 1)', [id, 't'])
      await db.query(`insert into customers (tenant_id, name) values ($1, 'Иван'), ($1, 'Ívan')`, [id])
      await db.query(`insert into contacts (tenant_id, first_name) values ($1, 'ΕΛΕΝΗ')`, [id])
      await db.query(`insert into activities (tenant_id, type, subject) values ($1, 'task', 'Иван')`, [id])
      await upgrade()
      const { rows } = await db.query<{ found: string }>(
        `select trim(search_text) as found from customers union all select trim(search_text) from contacts
       union all select search_text from activities`,
      )
      expect(rows.map(({ found }) => found).sort()).toEqual(['ivan', 'ελενη', 'иван', 'иван'])
    } finally {
      await db.end()
    }
  },
)

test('[RGT14] of deleted people without addresses, those who went into another one before it was said are told from the others', async () => {
  const { db, upgrade } = await openBefore('000052')
  const [id] = tenants
  try {
    await db.query('insert into tenants (id, slug, name, shard) values ($1, $2, $2, 1)', [id, 't'])
    await db.query(
      `insert into contacts (tenant_id, id, first_name, name_edited, deleted_at)
       select $1, n, name, edited, case when gone then now() end from (values
         (1, 'goes on', true, false), (2, 'merged', true, true), (3, 'merged and taken back', true, false),
         (4, 'taken back, then deleted', true, true), (5, 'made and deleted by us', true, true),
         (6, 'merged by a network', false, true), (7, 'deleted, with a number', false, true),
         (8, 'merged twice', false, true)) v(n, name, edited, gone)`,
      [id],
    )
    await db.query(
      `insert into contact_identities (tenant_id, kind, value, contact_id) values ($1, 'phone', '4917155501', 7)`,
      [id],
    )
    await db.query(
      `insert into contact_merges (tenant_id, id, contact_id, other_id, moved, actor, merged_at, undone_at)
       select $1, gen_random_uuid(), into_id, n, '{}', '{}', timestamptz '2026-01-01' + n * interval '1 day', case when undone then now() end
       from (values (1, 2, false), (1, 3, true), (1, 4, true), (5, 8, true), (1, 8, false)) v(into_id, n, undone)`,
      [id],
    )
    await upgrade()
    const { rows } = await db.query<{ id: number; merged_into: number }>(
      'select id, merged_into from contacts where merged_into is not null order by id',
    )
    expect(rows.map((row) => [row.id, row.merged_into])).toEqual([
      [2, 1],
      [6, 6],
      [8, 1],
    ])
  } finally {
    await db.end()
  }
})
