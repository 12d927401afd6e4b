import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { settings } from '../../src/platform/config-keys.ts'
import { cli, cliJson } from './cli.ts'

const directory = mkdtempSync(join(tmpdir(), 'switchboard-cli-config-'))
const wrong = { DATA_DIR: directory, PORT: 'x', DATABASE_URL: 'mysql://x', REDIS_PREFIX: 'no-braces' }

interface Printed {
  settings: { name: string; value: string; source: string; doc: string }[]
}

test.each([
  ['config', 'print'],
  ['config', 'check'],
  ['doctor'],
  ['tenant', 'list'],
  ['token', '--role', 'admin'],
  ['migrate', 'up'],
  ['verify-log'],
])('[CFG1] %s %s lists everything that is wrong with the settings and ends with 78', async (...args) => {
  const { code, stdout, stderr } = await cli(wrong, ...args)
  expect(code).toBe(78)
  for (const name of ['PORT', 'DATABASE_URL', 'REDIS_PREFIX']) expect(stdout + stderr).toContain(`${name}:`)
})

test('[CFG1] with --json the problems are a list', async () => {
  const checked = await cliJson<{ ok: boolean; problems: string[] }>(wrong, 'config', 'check')
  expect(checked.code).toBe(78)
  expect(checked.answer.ok).toBe(false)
  expect(checked.answer.problems.map((one) => one.replace(/:.*/s, '')).sort()).toEqual([
    'DATABASE_URL',
    'PORT',
    'REDIS_PREFIX',
  ])
  const { code, stderr } = await cli(wrong, 'tenant', 'list', '--json')
  expect(code).toBe(78)
  expect(JSON.parse(stderr)).toMatchObject({
    error: { code: 'configuration', problems: checked.answer.problems },
  })
})

test('settings that can work are called usable', async () => {
  const { code, answer } = await cliJson({ DATA_DIR: directory }, 'config', 'check')
  expect({ code, answer }).toEqual({ code: 0, answer: { ok: true, problems: [] } })
})

test('[CLI7] every setting is printed with its value and where it came from, secrets masked', async () => {
  const file = join(directory, 's3-secret')
  writeFileSync(file, 'a-secret-in-a-file\n')
  const environment = {
    DATA_DIR: directory,
    PORT: '4321',
    DATABASE_URL: 'postgres://hub:a-password@127.0.0.1:1/hub',
    REDIS_URL: 'redis://:another-password@127.0.0.1:1',
    S3_ENDPOINT: 'http://127.0.0.1:1',
    S3_ACCESS_KEY: 'an-access-key',
    S3_SECRET_KEY_FILE: file,
  }
  const { code, stdout } = await cli(environment, 'config', 'print', '--json')
  expect(code).toBe(0)
  const printed = (JSON.parse(stdout) as Printed).settings
  expect(printed.map((one) => one.name)).toEqual(Object.keys(settings))
  expect(
    Object.fromEntries(printed.map(({ name, value, source }) => [name, { value, source }])),
  ).toMatchObject({
    PORT: { value: '4321', source: 'environment' },
    DATABASE_URL: { value: '********', source: 'environment' },
    S3_SECRET_KEY: { value: '********', source: 'file' },
    JWT_SECRET: { value: '********', source: 'made' },
    JWT_ISSUER: { value: 'cms', source: 'default' },
    EVOLUTION_API_KEY: { value: '', source: 'default' },
  })
  for (const secret of ['a-password', 'another-password', 'an-access-key', 'a-secret-in-a-file'])
    expect(stdout).not.toContain(secret)

  const text = await cli(environment, 'config', 'print', '--changed')
  expect(text.stdout).toMatch(/^PORT +4321 +environment$/m)
  expect(text.stdout).not.toContain('LOG_LEVEL')
})
