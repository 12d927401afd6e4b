import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { troubleOf } from '../../src/cli/failure.ts'
import { knownMigrations, migrateUp, migrationsDirectory } from '../../src/platform/migrate.ts'
import { addLogin, createDatabase, createEmptyDatabase } from '../harness/database.ts'
import { testEnvironment } from '../harness/hub.ts'
import { asSuperuser, cli, cliJson, production } from './cli.ts'

test('[CLI2] up brings an empty database to the present, status tells how far it is, down takes back', async () => {
  const { url } = await createEmptyDatabase()
  const environment = testEnvironment(url)
  const all = knownMigrations()

  const before = await cliJson<{ applied: string[]; pending: string[] }>(environment, 'migrate', 'status')
  expect(before).toEqual({ code: 1, answer: { applied: [], pending: all } })
  const untouched = await asSuperuser({ config: { DATABASE_URL: url } as never }, (query) =>
    query(`select from pg_class where relname = 'switchboard_migrations'`),
  )
  expect(untouched.rowCount).toBe(0)

  expect(await cliJson(environment, 'migrate', 'up')).toEqual({ code: 0, answer: { applied: all } })
  const current = await cli(environment, 'migrate', 'up')
  expect(current).toMatchObject({ code: 0, stdout: 'The schema is current.\n' })
  const status = await cli(environment, 'migrate', 'status')
  expect(status.code).toBe(0)
  expect(status.stdout).toMatch(/^000001_tenant_context +applied$/m)

  expect(await cliJson(environment, 'migrate', 'down')).toEqual({
    code: 0,
    answer: { reverted: [all.at(-1)] },
  })
  expect(await cliJson(environment, 'migrate', 'down', '--steps', '2')).toEqual({
    code: 0,
    answer: { reverted: [all.at(-2), all.at(-3)] },
  })
  expect(await cliJson(environment, 'migrate', 'status')).toEqual({
    code: 1,
    answer: { applied: all.slice(0, -3), pending: all.slice(-3) },
  })
  expect(await cliJson(environment, 'migrate', 'up')).toEqual({ code: 0, answer: { applied: all.slice(-3) } })
})

test('[CLI4] production goes down only when it is told how far, and that it is meant', async () => {
  const { url } = await createDatabase()
  const environment = { ...testEnvironment(url), ...production }
  for (const args of [[], ['--steps', '1'], ['--yes']]) {
    const refused = await cli(environment, 'migrate', 'down', ...args)
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('this is production')
  }
  expect(await cliJson(environment, 'migrate', 'status')).toMatchObject({ code: 0, answer: { pending: [] } })
  const done = await cliJson(environment, 'migrate', 'down', '--steps', '1', '--yes')
  expect(done).toEqual({ code: 0, answer: { reverted: [knownMigrations().at(-1)] } })
})

test('what a newer release made is not taken back by this one', async () => {
  const { url } = await createDatabase()
  await asSuperuser({ config: { DATABASE_URL: url } as never }, (query) =>
    query(`insert into switchboard_migrations (name) values ('999999_of_tomorrow')`),
  )
  const { code, stderr } = await cli(testEnvironment(url), 'migrate', 'down', '--steps', '2')
  expect(code).toBe(1)
  expect(stderr).toContain('this release does not know 999999_of_tomorrow')
  expect(await cliJson(testEnvironment(url), 'migrate', 'status')).toMatchObject({ answer: { pending: [] } })
})

test('create writes the next pair with a header to fill in', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'switchboard-migrations-'))
  for (const way of ['up', 'down']) writeFileSync(join(directory, `000041_before.${way}.sql`), '')
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'switchboard-cli-migrate-'))
  const create = (name: string) => cliJson({ DATA_DIR }, 'migrate', 'create', name, '--directory', directory)
  expect(await create('add_deal_owner')).toEqual({
    code: 0,
    answer: {
      up: join(directory, '000042_add_deal_owner.up.sql'),
      down: join(directory, '000042_add_deal_owner.down.sql'),
    },
  })
  expect(readFileSync(join(directory, '000042_add_deal_owner.up.sql'), 'utf8')).toMatch(
    /^-- add deal owner: why .*\n-- Locks: .* Old code: /,
  )
  await create('another')
  expect(readdirSync(directory).filter((file) => file.endsWith('.up.sql'))).toEqual([
    '000041_before.up.sql',
    '000042_add_deal_owner.up.sql',
    '000043_another.up.sql',
  ])
  for (const name of ['Add', '../x', 'a', 'with-dash', '1st'])
    expect((await cli({ DATA_DIR }, 'migrate', 'create', name, '--directory', directory)).code).toBe(2)
})

test.each([
  ['000001_tenant_context', 'switchboard_router'],
  ['000056_shared_statements', 'switchboard_lane'],
])(
  'an owner who may not make the role that %s needs is told in a sentence what to do, as for a setting',
  async (migration, role) => {
    const { url, name } = await createEmptyDatabase()
    const ownerUrl = await addLogin(url)
    const owner = new URL(ownerUrl).username
    await asSuperuser({ config: { DATABASE_URL: url } as never }, (query) =>
      query(
        `grant create on database ${name} to ${owner}; grant switchboard_app to ${owner} with admin option`,
      ),
    )
    // Roles are those of the whole server and exist already: here the migration needs one that does not.
    const missing = `missing_${name}`
    const directory = mkdtempSync(join(tmpdir(), 'switchboard-migrations-'))
    const sql = readFileSync(join(migrationsDirectory, `${migration}.up.sql`), 'utf8')
    writeFileSync(join(directory, '000001_roles.up.sql'), sql.replaceAll(role, missing))
    const config = { DATABASE_URL: url, DATABASE_OWNER_URL: ownerUrl, DATABASE_SCHEMA: 'crm' }
    const error: unknown = await migrateUp(config, directory).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(troubleOf(error)).toEqual({
      exit: 78,
      code: 'configuration',
      message: expect.stringMatching(
        new RegExp(
          `^the migration role may not create the role ${missing}.*: let a superuser run docs/database-roles.sql once$`,
        ),
      ) as string,
    })
  },
)
