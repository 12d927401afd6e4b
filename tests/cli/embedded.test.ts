import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedServers, startEmbedded } from '../../src/embedded/servers.ts'
import { findRunning } from '../../src/embedded/running.ts'
import { cli, cliJson } from './cli.ts'

let dataDir: string
let servers: EmbeddedServers
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'switchboard-cli-embedded-'))
  chmodSync(dataDir, 0o755)
})
afterAll(async () => {
  await servers.stop()
  rmSync(dataDir, { recursive: true })
})

test('[CLI2] without DATABASE_URL the servers that the hub runs are used, and without those nothing is started', async () => {
  const environment = { DATA_DIR: dataDir }
  const before = await cli(environment, 'tenant', 'list')
  expect(before).toEqual({
    code: 69,
    stdout: '',
    stderr: `switchboard: no server is running in ${dataDir}; start it with npm start, or set DATABASE_URL\n`,
  })
  expect(await findRunning(dataDir)).toEqual({})
  expect(readdirSync(dataDir)).toEqual(['secrets'])

  servers = await startEmbedded({
    dataDir,
    need: { postgres: true, redis: true, objectStore: true },
    log: () => {},
    test: true,
  })
  expect(await findRunning(dataDir)).toEqual({
    postgres: { port: servers.postgres?.port, url: servers.postgres?.url },
    redis: { port: servers.redis?.port, url: servers.redis?.url },
    objectStore: expect.objectContaining({
      endpoint: servers.objectStore?.endpoint,
      accessKey: servers.objectStore?.accessKey,
      secretKey: servers.objectStore?.secretKey,
    }),
  })
  expect(await cliJson<{ applied: string[] }>(environment, 'migrate', 'up')).toMatchObject({ code: 0 })
  expect((await cli(environment, 'tenant', 'create', 'main')).code).toBe(0)
  expect(await cliJson(environment, 'tenant', 'list')).toMatchObject({
    answer: { tenants: [{ slug: 'main' }] },
  })
  const printed = await cli(environment, 'config', 'print', '--changed')
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'S3_SECRET_KEY'])
    expect(printed.stdout).toMatch(new RegExp(`^${name} +\\*{8} +embedded$`, 'm'))
  const doctor = await cliJson<{ checks: { area: string; name: string; status: string }[] }>(
    environment,
    'doctor',
  )
  expect(
    doctor.answer.checks.filter((one) => one.status === 'fail').map(({ area, name }) => `${area} ${name}`),
  ).toEqual([
    // The servers of tests run without durability, which only tests may.
    'PostgreSQL safe to write to',
  ])

  await servers.stop()
  expect(await findRunning(dataDir)).toEqual({})
  expect((await cli(environment, 'tenant', 'list')).code).toBe(69)
}, 120_000)
