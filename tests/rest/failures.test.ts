import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, restClient, startRestOf } from '../harness/rest-client.ts'

async function asOwner(hub: Hub, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await client.connect()
  await client.query(text)
  await client.end()
}

/** A REST process with its own log, until the hub closes. */
async function startLogged(hub: Hub): Promise<{ rest: RestClient; log: string[] }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/rest/main.ts')], {
    env: { ...hub.environment, PATH: process.env['PATH'], LOG_LEVEL: 'trace' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  hub.onClose(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const log: string[] = []
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(log.join('\n'))))
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.push(line)
      const found = /"url":"([^"]+)"/.exec(line)?.[1]
      if (found !== undefined) resolve(found)
    })
  })
  return { rest: restClient(url), log }
}

describe('when we fail', () => {
  test('[REST11] S32 an error that nobody foresaw tells nothing of our insides, and its id finds the reason in the log', async () => {
    await using hub = await startHub()
    const { rest, log } = await startLogged(hub)
    const token = hub.token('admin')
    await rest.call('GET', '/admin/me', { token })
    await asOwner(hub, 'alter table channels rename column health to health_of_yesterday')
    const { headers: _headers, ...refused } = await rest.refused('GET', '/api/v1/channels', { token })
    expect(refused).toEqual({
      type: 'urn:switchboard:problem:internal',
      title: 'we failed; the request id finds the reason in our log',
      status: 500,
      detail: 'we failed; the request id finds the reason in our log',
      code: 'internal',
      then: 'later',
      requestId: expect.any(String),
    })
    const line = await eventually(() => {
      const found = log.find((entry) => entry.includes(refused.requestId) && entry.includes('"level":50'))
      if (found === undefined) throw new Error('not logged yet')
      return found
    })
    expect(line).toContain('column \\"health\\" does not exist')
    expect(line).toContain('at ')
  })

  test('[REST11] a connection to the database that is cut under a request is a 503, and the next one works', async () => {
    await using hub = await startHub({ DATABASE_READ_POOL: '1' })
    const rest = await startRestOf(hub)
    const token = hub.token('admin')
    await rest.call('GET', '/admin/users', { token })
    const holder = new pg.Client({ connectionString: hub.config.DATABASE_URL })
    await holder.connect()
    await holder.query('begin; lock table users')
    const cut = rest.refused('GET', '/admin/users', { token })
    await eventually(async () => {
      const { rowCount } = await holder.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and application_name like 'switchboard%'`,
      )
      expect(rowCount).toBe(1)
    })
    expect(await cut).toMatchObject({ status: 503, code: 'unavailable', then: 'later' })
    await holder.query('rollback')
    expect((await rest.call('GET', '/admin/users', { token })).status).toBe(200)
    await holder.end()
  })

  test('[REST11] [C5] a table that is locked for long costs DATABASE_LOCK_MS and is a 503', async () => {
    await using hub = await startHub({ DATABASE_LOCK_MS: '200' })
    const rest = await startRestOf(hub)
    const token = hub.token('admin')
    await rest.call('GET', '/admin/users', { token })
    const holder = new pg.Client({ connectionString: hub.config.DATABASE_URL })
    await holder.connect()
    await holder.query('begin; lock table users')
    const started = performance.now()
    const refused = await rest.refused('GET', '/admin/users', { token })
    expect(refused.code).toBe('unavailable')
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(performance.now() - started).toBeLessThan(2000)
    expect((await rest.call('GET', '/health')).status).toBe(200)
    await holder.end()
  })

  test('[REST11] [C7] when all connections are taken requests fail in DATABASE_WAIT_MS', async () => {
    await using hub = await startHub({ DATABASE_WAIT_MS: '300' })
    const rest = await startRestOf(hub)
    const token = hub.token('admin')
    await rest.call('GET', '/admin/users', { token })
    const held = await Promise.all(
      Array.from({ length: hub.config.DATABASE_READ_POOL }, () => hub.deps.db.read.connect()),
    )
    const started = performance.now()
    expect((await rest.refused('GET', '/admin/users', { token })).code).toBe('unavailable')
    expect(performance.now() - started).toBeLessThan(2000)
    for (const client of held) client.release()
    expect((await rest.call('GET', '/admin/users', { token })).status).toBe(200)
  })
})

describe('the log', () => {
  test('[ACC3] S10 S31 holds no token, key, cookie, secret or query string, at its most talkative', async () => {
    await using hub = await startHub({ GRAPH_API_URL: 'http://127.0.0.1:1/v23.0' })
    const { rest, log } = await startLogged(hub)
    const token = hub.token('admin')
    const created = await rest.call('POST', '/api/v1/channels?canary-query=1', { token, json: {} })
    expect(created.status).toBe(400)
    const answer = await rest.call<{ data: { id: string } }>('POST', '/api/v1/channels', {
      token,
      headers: {
        cookie: 'canary=cookie-canary',
        'x-webhook-secret': 'canary-header',
        'idempotency-key': 'k',
      },
      json: {
        provider: 'whatsapp-cloud',
        name: 'n',
        phoneNumberId: '1',
        wabaId: '1',
        displayPhoneNumber: '1',
        accessToken: 'canary-access',
        appSecret: 'canary-app',
        verifyToken: 'canary-verify',
      },
    })
    await rest.call('POST', `/api/v1/channels/${answer.body.data.id}/verify`, { token })
    await rest.call('GET', `/admin/me?token=${token}`)
    await rest.call('POST', '/api/auth/validate', { json: { token: `${token}x` } })
    await eventually(() =>
      expect(log.filter((line) => line.includes('"answered"')).length).toBeGreaterThanOrEqual(5),
    )
    const text = log.join('\n')
    expect(text).not.toContain('canary')
    expect(text).not.toContain(token.split('.')[2])
    expect(text).toContain('"path":"/api/v1/channels"')
  })
})
