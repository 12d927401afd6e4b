import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { openDeps, type ServedConfig } from '../../src/deps.ts'
import { startRedis } from '../../src/embedded/redis.ts'
import { bootProblems, databaseProblems } from '../../src/platform/boot-guard.ts'
import { type Environment, readConfig } from '../../src/platform/config.ts'
import { startRest } from '../../src/rest/server.ts'
import { createDatabase, createEmptyDatabase } from '../harness/database.ts'
import { eventually } from '../harness/eventually.ts'
import { startHub, testEnvironment } from '../harness/hub.ts'
import { restClient, startRestOf } from '../harness/rest-client.ts'

const nobody = '127.0.0.1:1'

/** A REST server with these settings in this process. */
async function restWith(environment: Environment) {
  const deps = openDeps(readConfig(environment) as ServedConfig, 'test-rest')
  const server = await startRest(deps, { port: 0 })
  return {
    deps,
    server,
    rest: restClient(`http://127.0.0.1:${server.port}`, deps.config.BASE_PATH),
    [Symbol.asyncDispose]: async () => {
      await server.close()
      await deps.close()
    },
  }
}

interface Ready {
  status: string
  checks: Record<string, unknown>
}

describe('probes', () => {
  test('[OPS1] with everything there the process is ready', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    await eventually(async () => {
      const { status, body } = await rest.call<Ready>('GET', '/ready')
      expect({ status, body }).toEqual({
        status: 200,
        body: { status: 'ready', checks: { database: 'ok', schema: 'ok', redis: 'ok', draining: false } },
      })
    })
  })

  test('[OPS1] with the database away it is alive, not ready, and requests are told to come back', async () => {
    await using process_ = await restWith({
      ...testEnvironment(`postgres://x:y@${nobody}/x`),
      DATABASE_WAIT_MS: '300',
    })
    const { rest } = process_
    expect((await rest.call('GET', '/health')).body).toEqual({ status: 'ok' })
    const ready = await rest.call<Ready>('GET', '/ready')
    expect(ready).toMatchObject({
      status: 503,
      body: { status: 'not_ready', checks: { database: 'away', schema: 'unknown' } },
    })
    await using hub = await startHub()
    const refused = await rest.refused('GET', '/admin/me', { token: hub.token('admin') })
    expect(refused).toMatchObject({ status: 503, code: 'unavailable', then: 'later' })
    expect(refused.headers.get('retry-after')).toBe('1')
  })

  test('[OPS1] a database that takes the connection and says nothing does not hold up /ready', async () => {
    await using hub = await startHub({ DATABASE_WAIT_MS: '300', DATABASE_READ_POOL: '1' })
    const rest = await startRestOf(hub)
    const holder = await hub.deps.db.read.connect()
    const started = performance.now()
    expect((await rest.call('GET', '/ready')).status).toBe(503)
    expect(performance.now() - started).toBeLessThan(2000)
    expect((await rest.call('GET', '/health')).status).toBe(200)
    holder.release()
    await eventually(async () => expect((await rest.call('GET', '/ready')).status).toBe(200))
  })

  test('[OPS1] with Redis away it is ready, says that it is degraded, and serves without delay', async () => {
    const { url } = await createDatabase()
    const environment = testEnvironment(url)
    await using process_ = await restWith({ ...environment, REDIS_URL: `redis://${nobody}` })
    const { rest, deps } = process_
    expect(await rest.call<Ready>('GET', '/ready')).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { redis: 'away' } },
    })
    await using hub = await startHub()
    const { createTenant } = await import('../../src/domain/tenants/create-tenant.ts')
    await createTenant(deps, { slug: 'main', name: 'Main' })
    const token = hub.token('admin')
    await rest.call('GET', '/admin/me', { token })
    // Waiting for Redis once per request would take seconds for each.
    const started = performance.now()
    for (let n = 0; n < 100; n++) expect((await rest.call('GET', '/admin/me', { token })).status).toBe(200)
    expect((performance.now() - started) / 100).toBeLessThan(200)
  })

  test('[OPS1] a schema that is behind is not ready; one that is ahead is', async () => {
    const { url } = await createEmptyDatabase()
    {
      await using process_ = await restWith(testEnvironment(url))
      const ready = await process_.rest.call<Ready>('GET', '/ready')
      expect(ready).toMatchObject({ status: 503, body: { checks: { schema: 'behind' } } })
    }
    const ahead = await createDatabase()
    const owner = new pg.Client({ connectionString: ahead.url })
    await owner.connect()
    await owner.query(`insert into switchboard_migrations (name) values ('999999_of_the_next_release')`)
    await owner.end()
    await using process_ = await restWith(testEnvironment(ahead.url))
    expect((await process_.rest.call('GET', '/ready')).status).toBe(200)
  })

  test('[OPS1] probes need no token and have no limit', async () => {
    await using hub = await startHub({ REST_IP_RATE_PER_MINUTE: '1' })
    const rest = await startRestOf(hub)
    for (let n = 0; n < 5; n++) expect((await rest.call('GET', '/health')).status).toBe(200)
    const metrics = await rest.call('GET', '/metrics')
    expect(metrics.status).toBe(200)
    expect(metrics.text).toContain(
      'hub_http_request_seconds_count{method="GET",route="/health",status="200"}',
    )
  })
})

describe('boot guard', () => {
  async function problemsWith(environment: Environment): Promise<string[]> {
    const deps = openDeps(readConfig(environment) as ServedConfig, 'test-guard')
    try {
      return await bootProblems(deps)
    } finally {
      await deps.close()
    }
  }

  test('[OPS2] on servers of tests there is nothing to say', async () => {
    const { url } = await createDatabase()
    expect(await problemsWith(testEnvironment(url))).toEqual([])
  })

  test('[OPS2] outside of tests a database that may lose commits is refused, setting by setting', async () => {
    const { url } = await createDatabase()
    const problems = await problemsWith({ ...testEnvironment(url), NODE_ENV: 'development' })
    for (const name of ['fsync', 'synchronous_commit', 'full_page_writes'])
      expect(
        problems.some((problem) => problem.includes(`${name}=off`) && problem.includes(`set ${name}=on`)),
        name,
      ).toBe(true)
    expect(problems).toHaveLength(3)
  })

  test('[OPS2] a login that owns the tables, or that row security does not bind, is refused', async () => {
    const { url, name } = await createDatabase()
    const superuser = await problemsWith({ ...testEnvironment(url), DATABASE_OWNER_URL: url })
    expect(superuser).toContainEqual(expect.stringContaining('is a superuser'))
    const admin = new pg.Client({ connectionString: url })
    await admin.connect()
    const login = async (role: string, how: string) => {
      await admin.query(`create role ${role} login password 'x' ${how}`)
      await admin.query(`grant switchboard_app to ${role}`)
      const own = new URL(url)
      own.username = role
      own.password = 'x'
      return { ...testEnvironment(own.toString()), DATABASE_OWNER_URL: url }
    }
    const bypass = await login(`bypass_${name}`, 'bypassrls')
    const owner = await login(`owner_${name}`, 'nobypassrls')
    const right = await login(`right_${name}`, 'nobypassrls')
    expect(await problemsWith(bypass)).toEqual([expect.stringContaining('has BYPASSRLS')])
    expect(await problemsWith(right)).toEqual([])
    await admin.query(`alter table teams owner to owner_${name}`)
    expect(await problemsWith(owner)).toEqual([expect.stringContaining('owns the table teams')])
    await admin.end()
  })

  test('[OPS2] a role of shared statements that row security does not bind is refused', async () => {
    const { url } = await createDatabase()
    const config = readConfig(testEnvironment(url))
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    // Roles are those of the whole server: nobody else sees what is not committed.
    const problemsOf = async (...changes: string[]) => {
      await client.query('begin')
      for (const change of changes) await client.query(change)
      await client.query('set local role switchboard_app')
      const problems = await databaseProblems({ read: client as unknown as pg.Pool }, config)
      await client.query('rollback')
      return problems
    }
    expect(await problemsOf()).toEqual([])
    const advice = 'alter role switchboard_lane nosuperuser nobypassrls (docs/database-roles.sql)'
    expect(await problemsOf('alter role switchboard_lane bypassrls')).toEqual([
      `the role of shared statements switchboard_lane has BYPASSRLS: tenants would not be kept apart; ${advice}`,
    ])
    expect(await problemsOf('alter role switchboard_lane superuser')).toEqual([
      `the role of shared statements switchboard_lane is a superuser: tenants would not be kept apart; ${advice}`,
    ])
    expect(await problemsOf('alter role switchboard_lane rename to switchboard_was_lane')).toEqual([])
    await client.end()
  })

  test('[OPS2] [B8] a Redis that evicts is refused with the setting', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'switchboard-evicting-'))
    const redis = await startRedis({ dataDir, log: () => {} })
    try {
      const { url } = await createDatabase()
      const environment = { ...testEnvironment(url), REDIS_URL: redis.url }
      expect(await problemsWith(environment)).toEqual([])
      const client = new Redis(redis.url)
      await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
      client.disconnect()
      expect(await problemsWith(environment)).toEqual([
        'Redis evicts keys (maxmemory-policy allkeys-lru): jobs would vanish; set maxmemory-policy noeviction',
      ])
    } finally {
      await redis.stop()
      rmSync(dataDir, { recursive: true })
    }
  })

  test('[OPS2] servers that are away are no reason to refuse', async () => {
    const started = performance.now()
    const away = {
      ...testEnvironment(`postgres://x:y@${nobody}/x`),
      REDIS_URL: `redis://${nobody}`,
      DATABASE_WAIT_MS: '300',
    }
    expect(await problemsWith(away)).toEqual([])
    expect(performance.now() - started).toBeLessThan(3000)
  })
})

describe('the process', () => {
  async function run(environment: Environment) {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/rest/main.ts')], {
      env: { ...environment, PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    const exited = once(child, 'exit').then(([code]) => ({ code: code as number | null, errors }))
    const lines = createInterface({ input: child.stdout })
    const url = (async () => {
      for await (const line of lines) {
        const found = /"url":"([^"]+)"/.exec(line)?.[1]
        if (found !== undefined) return found
      }
      throw new Error(`it ended before it was ready: ${errors}`)
    })()
    url.catch(() => {})
    return { child, exited, url }
  }

  test('[OPS2] it refuses a bad configuration with 78 and all reasons at once', async () => {
    const { url } = await createDatabase()
    const { exited } = await run({
      ...testEnvironment(url),
      PORT: 'abc',
      BASE_PATH: 'no-slash',
      NODE_ENV: 'production',
      JWT_SECRET: 'short',
    })
    const { code, errors } = await exited
    expect(code).toBe(78)
    for (const name of ['PORT:', 'BASE_PATH:']) expect(errors).toContain(name)
  })

  test('[OPS2] it refuses servers that are not safe with 78', async () => {
    const { url } = await createDatabase()
    const { exited } = await run({ ...testEnvironment(url), NODE_ENV: 'development' })
    const { code, errors } = await exited
    expect(code).toBe(78)
    expect(errors).toContain('set fsync=on')
  })

  test('[OPS2] alone it needs its servers named', async () => {
    const { exited } = await run({
      NODE_ENV: 'test',
      DATA_DIR: mkdtempSync(join(tmpdir(), 'switchboard-alone-')),
    })
    const { code, errors } = await exited
    expect(code).toBe(78)
    for (const name of ['DATABASE_URL', 'S3_ENDPOINT', 'REDIS_URL'])
      expect(errors).toContain(`${name}: required`)
  })

  test('[OPS3] on SIGTERM it says "not ready" first, answers what is under way, and exits with 0', async () => {
    await using hub = await startHub()
    const { child, exited, url } = await run({
      ...hub.environment,
      LOG_LEVEL: 'info',
      SHUTDOWN_NOTICE_MS: '500',
    })
    const rest = restClient(await url)
    await eventually(async () => expect((await rest.call('GET', '/ready')).status).toBe(200))
    // A request that is half sent when the signal comes.
    const { hostname, port } = new URL(await url)
    const body = JSON.stringify({ token: hub.token('agent') })
    const slow = connect(Number(port), hostname)
    await once(slow, 'connect')
    slow.write(
      `POST /api/auth/validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    child.kill('SIGTERM')
    await eventually(async () =>
      expect((await rest.call<Ready>('GET', '/ready')).body).toMatchObject({
        status: 'not_ready',
        checks: { draining: true },
      }),
    )
    let answer = ''
    slow.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
    })
    slow.write(body)
    await once(slow, 'end')
    expect(answer).toContain('200 OK')
    expect(answer).toContain('"valid":true')
    expect((await exited).code).toBe(0)
  })

  test('[OPS1] it starts without Postgres and Redis', async () => {
    const environment = {
      ...testEnvironment(`postgres://x:y@${nobody}/x`),
      REDIS_URL: `redis://${nobody}`,
      LOG_LEVEL: 'info',
      DATABASE_WAIT_MS: '200',
    }
    const { child, exited, url } = await run(environment)
    const rest = restClient(await url)
    expect((await rest.call('GET', '/health')).status).toBe(200)
    expect((await rest.call('GET', '/ready')).status).toBe(503)
    child.kill('SIGTERM')
    expect((await exited).code).toBe(0)
  })
})
