import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { migrateDown, migrateUp, migrationsDirectory } from '../../src/platform/migrate.ts'
import { databaseUrl } from '../harness/database.ts'

test('[LOC11] passwords stay where they are on the way up; on the way back the oldest user of an address keeps theirs', async () => {
  const name = `upgrade_${randomBytes(6).toString('hex')}`
  const server = new pg.Client({ connectionString: inject('pgUrl') })
  await server.connect()
  await server.query(`create database ${name}`)
  await server.end()
  const config = { DATABASE_URL: databaseUrl(name), DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: 'public' }
  const upTo = (version: string) => {
    const directory = mkdtempSync(join(tmpdir(), 'migrations-'))
    for (const file of readdirSync(migrationsDirectory).filter((one) => one < version))
      cpSync(join(migrationsDirectory, file), join(directory, file))
    return directory
  }
  const [before, after] = [upTo('000044'), upTo('000045')]
  await migrateUp(config, before)
  const db = new pg.Client({ connectionString: config.DATABASE_URL })
  await db.connect()
  try {
    const ids = [1, 2, 3].map((n) => `01a1fcee-c940-7000-9cf0-c2319d33000${n}`)
    for (const id of ids) {
      await db.query('insert into tenants (id, slug, name, shard) values ($1::uuid, $1::text, $1::text, 1)', [
        id,
      ])
      await db.query(
        `insert into users (tenant_id, id, issuer, subject, name, role) values ($1::uuid, $1::uuid, 'switchboard', $1::text, 'x', 'agent')`,
        [id],
      )
    }
    const add = (id: string | undefined, email: string) =>
      db.query(
        `insert into user_passwords (tenant_id, user_id, email, hash, changed_at) values ($1, $1, $2, $3, now())`,
        [id, email, `hash of ${id}`],
      )
    await add(ids[0], 'ana@x.example')
    await expect(add(ids[1], 'ana@x.example')).rejects.toMatchObject({ code: '23505' })

    await migrateUp(config, after)
    await add(ids[1], 'ana@x.example')
    await add(ids[2], 'ben@x.example')
    const found = await db.query('select user_id from passwords_of_address($1, null, 5)', ['ana@x.example'])
    expect(found.rows).toEqual([{ user_id: ids[0] }, { user_id: ids[1] }])

    await migrateDown(config, 1, after)
    const left = await db.query('select user_id, email from user_passwords order by user_id')
    expect(left.rows).toEqual([
      { user_id: ids[0], email: 'ana@x.example' },
      { user_id: ids[2], email: 'ben@x.example' },
    ])
    await expect(add(ids[1], 'ana@x.example')).rejects.toMatchObject({ code: '23505' })
    await migrateUp(config, after)
    await add(ids[1], 'ana@x.example')
  } finally {
    await db.end()
    for (const directory of [before, after]) rmSync(directory, { recursive: true })
  }
}, 60_000)
