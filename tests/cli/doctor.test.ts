import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EmbeddedRedis } from '../../src/embedded/redis.ts'
import { startRedis } from '../../src/embedded/redis.ts'
import { Redis } from 'ioredis'
import type { Environment } from '../../src/platform/config.ts'
import { knownMigrations } from '../../src/platform/migrate.ts'
import { addLogin, createEmptyDatabase } from '../harness/database.ts'
import { buildChannel } from '../harness/crowd.ts'
import { type Hub, startHub, testEnvironment } from '../harness/hub.ts'
import { storeClient } from '../media/media-hub.ts'
import { asSuperuser, cli, cliJson } from './cli.ts'

interface Check {
  area: string
  name: string
  status: 'ok' | 'warn' | 'fail'
  found: string
  advice?: string
}

async function doctor(environment: Environment) {
  const { code, answer } = await cliJson<{ ok: boolean; checks: Check[] }>(environment, 'doctor')
  const troubles = answer.checks.filter((one) => one.status !== 'ok')
  for (const one of troubles) expect(one.advice, JSON.stringify(one)).toMatch(/\w/)
  expect(answer.ok).toBe(!troubles.some((one) => one.status === 'fail'))
  return {
    code,
    checks: answer.checks,
    troubles: troubles
      .map(({ status, area, name }) => `${status} ${area} ${name}`)
      // The Redis of this machine may be an old one that its distribution patched.
      .filter((trouble) => trouble !== 'warn Redis version'),
  }
}

const found = (checks: readonly Check[], name: string) => checks.find((one) => one.name === name)?.found

async function startSound(more: Environment = {}): Promise<Hub> {
  const hub = await startHub(more)
  await hub.deps.storage.ready()
  return hub
}

test('[CLI2] a sound installation: every check passes, and is printed with what was found', async () => {
  await using hub = await startSound()
  await buildChannel(hub)
  const { code, checks, troubles } = await doctor(hub.environment)
  expect({ code, troubles }).toEqual({ code: 0, troubles: [] })
  expect(checks.map((one) => `${one.area} ${one.name}`)).toEqual([
    'machine Node.js',
    'machine disk space',
    'PostgreSQL reachable',
    'PostgreSQL version',
    'PostgreSQL writable',
    'PostgreSQL connections',
    'PostgreSQL clock',
    'PostgreSQL migrations',
    'PostgreSQL safe to write to',
    'PostgreSQL roles',
    'PostgreSQL shared statements',
    'PostgreSQL partitions',
    'PostgreSQL tenants',
    'work numbers',
    'work their secrets',
    'work webhooks',
    'work sends',
    'work files',
    'work stuck deliveries',
    'Redis reachable',
    'Redis version',
    'Redis eviction',
    'object store write, read, delete',
    'object store private',
  ])
  expect(found(checks, 'their secrets')).toBe('1 can be read')
  const text = await cli(hub.environment, 'doctor')
  expect(text.stdout).toMatch(/^ok +PostgreSQL +migrations +\d+ applied, the newest is /m)
  expect(text.stdout).toMatch(/Everything is as it must be\.|^warn Redis version: upgrade/m)
  const left: string[] = []
  for await (const item of storeClient(hub).listObjectsV2(hub.config.S3_BUCKET, '', true))
    left.push((item as { name: string }).name)
  expect(left).toEqual([])
})

test('[CLI2] a database that is not ours yet is told apart from one that is away, and is left as it is', async () => {
  const { url } = await createEmptyDatabase()
  const empty = await doctor(testEnvironment(url))
  expect(empty.code).toBe(1)
  expect(empty.troubles).toContain('fail PostgreSQL migrations')
  const { rowCount } = await asSuperuser({ config: { DATABASE_URL: url } as never }, (query) =>
    query(`select from pg_class where relname = 'switchboard_migrations'`),
  )
  expect(rowCount).toBe(0)
  const away = await doctor(testEnvironment('postgres://a:b@127.0.0.1:1/x'))
  expect(away.code).toBe(69)
  expect(away.troubles).toContain('fail PostgreSQL reachable')
})

test('what waits, what got stuck, who does not send and what cannot be read is told', async () => {
  await using hub = await startSound({ JWT_TENANT: 'nobody' })
  const channelId = await buildChannel(hub)
  await asSuperuser(hub, async (query) => {
    const insert = (state: string, seconds: number) =>
      query(
        `insert into webhook_inbox (tenant_id, channel_id, provider, hash, body, state, received_at)
         values ($1, $2, 'fake', $3, '{}', $4, now() - make_interval(secs => $5))`,
        [hub.tenant.id, channelId, randomBytes(8), state, seconds],
      )
    await insert('new', 40)
    await insert('parked', 40)
    await insert('quarantined', 40)
    await query(
      `insert into attachments (tenant_id, id, direction, state, mime_type, next_attempt_at, created_at)
       values ($1, gen_random_uuid(), 'in', 'pending', 'image/png', now(), now() - interval '4 hours')`,
      [hub.tenant.id],
    )
    await query(`update channels set stopped_reason = 'the token was revoked'`)
    await query('drop table events_default')
    await query(`do $$ declare t text; begin
      for t in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'events'::regclass
        and to_date(right(c.relname, 8), 'YYYYMMDD') > current_date + 1 loop execute 'drop table ' || t; end loop; end $$`)
  })
  const environment = { ...hub.environment, ENCRYPTION_KEY: randomBytes(32).toString('base64') }
  const { code, checks, troubles } = await doctor(environment)
  expect(code).toBe(1)
  expect(troubles).toEqual([
    'warn PostgreSQL partitions',
    'warn PostgreSQL tenants',
    'warn work numbers',
    'fail work their secrets',
    'warn work webhooks',
    'fail work files',
    'warn work stuck deliveries',
  ])
  expect(found(checks, 'numbers')).toContain('the token was revoked')
  expect(found(checks, 'stuck deliveries')).toBe('1 parked, 1 in quarantine')
  expect(found(checks, 'webhooks')).toMatch(/^the oldest waits for 4\d s$/)
})

test('[OPS2] a login that row security does not bind is found', async () => {
  await using hub = await startSound()
  const bare = await doctor({ ...hub.environment, DATABASE_OWNER_URL: hub.config.DATABASE_URL })
  expect(bare.code).toBe(1)
  expect(bare.troubles).toEqual(['fail PostgreSQL safe to write to'])
  expect(found(bare.checks, 'safe to write to')).toContain('is a superuser')
})

test('[OPS2] a login that owns nothing, beside the owner and in a schema of our own, passes, and commands work with it', async () => {
  const { url } = await createEmptyDatabase()
  const environment = testEnvironment(url, { DATABASE_SCHEMA: 'crm', DATABASE_OWNER_URL: url })
  expect((await cli(environment, 'migrate', 'up')).code).toBe(0)
  const asLogin = { ...environment, DATABASE_URL: await addLogin(url) }
  for (const command of [
    'tenant create main',
    'tenant suspend main',
    'tenant resume main',
    'verify-log',
    'redrive',
  ])
    expect(await cli(asLogin, ...command.split(' ')), command).toMatchObject({ code: 0, stderr: '' })
  const { code, troubles, checks } = await doctor(asLogin)
  expect({ code, troubles }).toEqual({ code: 0, troubles: ['warn object store write, read, delete'] })
  expect(found(checks, 'reachable')).toContain(new URL(asLogin.DATABASE_URL).username)
  const wrong = await doctor({
    ...asLogin,
    DATABASE_URL: asLogin.DATABASE_URL.replace(/:[^:@]+@/, ':wrong@'),
  })
  expect(wrong.code).toBe(69)
  expect(found(wrong.checks, 'reachable')).toContain('password authentication failed')
})

test('[TEN7] what a restore left out because the role of shared statements was missing is found, and its owner repairs it', async () => {
  const { url } = await createEmptyDatabase()
  const environment = testEnvironment(url, { DATABASE_SCHEMA: 'crm' })
  expect((await cli(environment, 'migrate', 'up')).code).toBe(0)
  const shared = async () => {
    const { checks } = await doctor(environment)
    return checks.find((one) => one.name === 'shared statements')
  }
  const sound = { status: 'ok', found: 'tenants may share them on 10 tables' }
  expect(await shared()).toMatchObject(sound)
  const asOwner = (text: string) =>
    asSuperuser({ config: { DATABASE_URL: url } as never }, (query) => query(text))
  // As pg_dump and psql leave it in a cluster without the role: each policy and each right that names it has failed.
  await asOwner(`do $$ declare target text; begin
    for target in select tablename from pg_policies where policyname = 'shared_by_tenants' loop
      execute format('drop policy shared_by_tenants on crm.%I', target);
    end loop;
    revoke all on all tables in schema crm from switchboard_lane;
    revoke all on all functions in schema crm from switchboard_lane;
    revoke all on schema crm from switchboard_lane;
  end $$`)
  const advice = 'as the owner: call crm.share_message_path()'
  const found =
    'switchboard_lane lacks the policy on 10 of 10 tables, rights on 10 of 10 tables, the right to append events, so webhooks cost several times as much'
  expect(await shared()).toMatchObject({ status: 'warn', found, advice })
  // Neither does it stand in the way of a step back.
  const newest = knownMigrations().slice(knownMigrations().indexOf('000056_shared_statements'))
  const back = await cliJson(environment, 'migrate', 'down', '--steps', String(newest.length))
  expect(back).toEqual({ code: 0, answer: { reverted: newest.toReversed() } })
  expect((await cli(environment, 'migrate', 'up')).code).toBe(0)
  await asOwner(
    'drop policy shared_by_tenants on crm.messages; revoke update on crm.tenant_heads from switchboard_lane',
  )
  expect(await shared()).toMatchObject({
    status: 'warn',
    found: expect.stringContaining('the policy on 1 of 10 tables, rights on 1 of 10') as string,
  })
  for (let n = 0; n < 2; n++) {
    await asOwner(advice.replace('as the owner: ', ''))
    expect(await shared()).toMatchObject(sound)
  }
})

test('a bucket that is missing is a warning, one that everybody can read is a failure, a store that is away too', async () => {
  await using hub = await startHub()
  const missing = await doctor(hub.environment)
  expect(missing).toMatchObject({ code: 0, troubles: ['warn object store write, read, delete'] })
  await hub.deps.storage.ready()
  const bucket = hub.config.S3_BUCKET
  await storeClient(hub).setBucketPolicy(
    bucket,
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: ['*'] },
          Action: ['s3:GetObject'],
          Resource: [`arn:aws:s3:::${bucket}/*`],
        },
      ],
    }),
  )
  const open = await doctor(hub.environment)
  expect(open).toMatchObject({ code: 1, troubles: ['fail object store private'] })
  expect(found(open.checks, 'private')).toContain('its objects')
  const away = await doctor({ ...hub.environment, S3_ENDPOINT: 'http://127.0.0.1:1' })
  expect(away).toMatchObject({ code: 1, troubles: ['fail object store write, read, delete'] })
})

let dataDir: string
let redis: EmbeddedRedis
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'switchboard-doctor-redis-'))
  redis = await startRedis({ dataDir, log: () => {}, test: true })
})
afterAll(async () => {
  await redis.stop()
  rmSync(dataDir, { recursive: true })
})

test('a Redis that evicts is a failure, one that is away a warning', async () => {
  await using hub = await startSound()
  const client = new Redis(redis.url)
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
  client.disconnect()
  const evicting = await doctor({ ...hub.environment, REDIS_URL: redis.url })
  expect(evicting).toMatchObject({ code: 1, troubles: ['fail Redis eviction'] })
  const away = await doctor({ ...hub.environment, REDIS_URL: 'redis://127.0.0.1:1' })
  expect(away).toMatchObject({ code: 0, troubles: ['warn Redis reachable'] })
})
