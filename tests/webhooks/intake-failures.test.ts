import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { storeDeliveries } from '../../src/domain/webhooks/store-deliveries.ts'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { migrateUp } from '../../src/platform/migrate.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { WaitingChannels } from '../../src/platform/waiting-channels.ts'
import { signatureOf } from '../../src/providers/signature.ts'
import { eventually } from '../harness/eventually.ts'
import { createDatabase } from '../harness/database.ts'
import { restClient } from '../harness/rest-client.ts'
import { type CloudNumber, type IntakeHub, startIntake, textTo } from './intake-hub.ts'

let intake: IntakeHub
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await intake[Symbol.asyncDispose]()
  for (const close of closers.splice(0).toReversed()) await close()
})

const received = { status: 200, body: { received: true } }
const later = { status: 503, body: { code: 'unavailable', then: 'later' } }

/** Posts until it is taken, as the network does. */
const untilTaken = (number: CloudNumber, body: string) =>
  eventually(async () => expect(await intake.post(number, body)).toMatchObject(received), 20_000)

describe('without the database', () => {
  test('[HOOK10] [D8] [C1] what comes while it is away is 503 and comes again; nothing that got 200 is missing', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'switchboard-test-postgres-'))
    let postgres = await startPostgres({ dataDir, log: () => {}, test: true })
    closers.push(async () => {
      await postgres.stop()
      rmSync(dataDir, { recursive: true, force: true })
    })
    await migrateUp({ DATABASE_URL: postgres.url, DATABASE_OWNER_URL: undefined, DATABASE_SCHEMA: 'public' })
    intake = await startIntake({ DATABASE_URL: postgres.url })
    const number = await intake.addNumber()
    const before = textTo(number, 'before')
    expect(await intake.post(number, before)).toMatchObject(received)
    await postgres.stop()
    const during = Array.from({ length: 5 }, (_, at) => textTo(number, `during ${at}`))
    for (const body of during) {
      const answer = await intake.post(number, body)
      expect(answer).toMatchObject(later)
      expect(answer.headers.get('retry-after')).toBe('1')
    }
    expect(await intake.counted('whatsapp-cloud', 'unavailable')).toBe(5)
    postgres = await startPostgres({ dataDir, log: () => {}, test: true })
    for (const body of during) await untilTaken(number, body)
    expect((await intake.inbox()).map((row) => row.body.toString())).toEqual([before, ...during])
  }, 60_000)

  test('[HOOK10] [C5] a commit that takes longer than WEBHOOK_ANSWER_MS is 503; when it comes after all, the repeat finds it', async () => {
    intake = await startIntake({ WEBHOOK_ANSWER_MS: '300' })
    const number = await intake.addNumber()
    const body = textTo(number)
    const holder = new pg.Client({ connectionString: intake.hub.config.DATABASE_URL })
    await holder.connect()
    await holder.query('begin; lock table webhook_inbox')
    const started = performance.now()
    expect(await intake.post(number, body)).toMatchObject(later)
    expect(performance.now() - started).toBeLessThan(2000)
    await holder.query('rollback')
    await holder.end()
    await eventually(async () => expect(await intake.inbox()).toHaveLength(1))
    expect(await intake.post(number, body)).toMatchObject(received)
    expect(await intake.inbox()).toHaveLength(1)
  })

  test('[HOOK7] [HOOK10] what was answered 503 and still waits for the database is held against WEBHOOK_WAITING_BYTES', async () => {
    intake = await startIntake({
      WEBHOOK_ANSWER_MS: '2000',
      WEBHOOK_WAITING_BYTES: String(16 * 1024 + 5000),
      DATABASE_LOCK_MS: '60000',
    })
    const number = await intake.addNumber()
    const holder = new pg.Client({ connectionString: intake.hub.config.DATABASE_URL })
    await holder.connect()
    await holder.query('begin; lock table webhook_inbox')
    expect(await intake.post(number, textTo(number))).toMatchObject(later)
    const started = performance.now()
    expect(await intake.post(number, textTo(number))).toMatchObject(later)
    // Refused at once, not after another wait.
    expect(performance.now() - started).toBeLessThan(1000)
    await holder.query('rollback')
    await holder.end()
    await untilTaken(number, textTo(number))
    expect(await intake.inbox()).toHaveLength(2)
  })

  test('[HOOK10] [C2] connections that are cut under a commit are 503, and the repeat makes one row', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const bodies = Array.from({ length: 10 }, (_, at) => textTo(number, String(at)))
    const holder = new pg.Client({ connectionString: intake.hub.config.DATABASE_URL })
    await holder.connect()
    await holder.query('begin; lock table webhook_inbox')
    const cut = Promise.all(bodies.map((body) => intake.post(number, body)))
    await eventually(async () => {
      // Not on the holder's own connection: a transaction sees the activity of its first look only.
      const cutOff = await intake.asOwner(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and application_name like 'switchboard%'`,
      )
      expect(cutOff).toHaveLength(1)
    })
    await holder.query('rollback')
    await holder.end()
    const statuses = (await cut).map(({ status }) => status)
    expect(statuses).toContain(503)
    expect(statuses.every((status) => status === 503 || status === 200)).toBe(true)
    for (const body of bodies) await untilTaken(number, body)
    expect((await intake.inbox()).map((row) => row.body.toString()).sort()).toEqual(bodies.toSorted())
  })

  test('[HOOK10] [B5] a server that is gone without a word is given up, and the next connection is tried', async () => {
    const line = await startLine()
    const url = new URL((await createDatabase()).url)
    line.leadTo(Number(url.port))
    url.port = String(line.port)
    intake = await startIntake({
      DATABASE_URL: url.toString(),
      DATABASE_STATEMENT_MS: '700',
      WEBHOOK_ANSWER_MS: '500',
    })
    const number = await intake.addNumber()
    expect(await intake.post(number, textTo(number))).toMatchObject(received)
    line.freeze()
    const body = textTo(number)
    const started = performance.now()
    expect(await intake.post(number, body)).toMatchObject(later)
    expect(performance.now() - started).toBeLessThan(2000)
    await eventually(async () => expect(await intake.post(number, body)).toMatchObject(received))
    line.freeze()
    const orphan = {
      provider: 'evolution' as const,
      body: Buffer.from('{}'),
      owner: null,
      quarantine: 'of a test',
    }
    await expect(storeDeliveries(intake.hub.deps, [orphan])).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('[HOOK10] a delivery whose tenant went away meanwhile fails alone', async () => {
    intake = await startIntake()
    const number = await intake.addNumber()
    const delivery = (tenantId: string, body: string) => ({
      provider: 'whatsapp-cloud' as const,
      body: Buffer.from(body),
      owner: { tenantId, channelId: number.channelId },
      quarantine: null,
    })
    const { deps, tenant } = intake.hub
    const outcomes = await Promise.allSettled([
      storeDeliveries(deps, [delivery(tenant.id, '1')]),
      storeDeliveries(deps, [delivery(uuidv7(), '2')]),
      storeDeliveries(deps, [delivery(tenant.id, '3')]),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((await intake.inbox()).map((row) => row.body.toString())).toEqual(['1', '3'])
  })

  test('[HOOK1] many large deliveries at once are all stored', async () => {
    intake = await startIntake({ WEBHOOK_ANSWER_MS: '60000' })
    const number = await intake.addNumber()
    const bodies = Array.from({ length: 6 }, (_, at) => textTo(number, `${at}`.padEnd(3_000_000, 'x')))
    const answers = await Promise.all(bodies.map((body) => intake.post(number, body)))
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200))
    expect(new Set((await intake.inbox()).map((row) => row.body.toString()))).toEqual(new Set(bodies))
  }, 60_000)
})

describe('without Redis', () => {
  test('[HOOK10] [B2] deliveries are taken at the usual pace', async () => {
    intake = await startIntake({ REDIS_URL: 'redis://127.0.0.1:1' })
    const number = await intake.addNumber()
    const started = performance.now()
    for (let at = 0; at < 20; at++) expect(await intake.post(number, textTo(number))).toMatchObject(received)
    expect(performance.now() - started).toBeLessThan(3000)
    expect(await intake.inbox()).toHaveLength(20)
  })

  test('[HOOK10] with it a worker is woken for each channel that got something, and for no other', async () => {
    intake = await startIntake()
    await eventually(() => expect(intake.hub.deps.redis.status).toBe('ready'))
    const number = await intake.addNumber()
    const suspended = await intake.hub.addTenant()
    const sleeping = await intake.addNumber({ tenant: suspended.id })
    await intake.asOwner(`update tenants set status = 'suspended' where id = $1`, [suspended.id])
    expect(await intake.post(sleeping, textTo(sleeping))).toMatchObject(received)
    expect(await intake.post(number, textTo(number))).toMatchObject(received)
    const waiting = new WaitingChannels(intake.hub.deps.redis, intake.hub.config.REDIS_PREFIX)
    expect(await waiting.take(10, 5)).toEqual([
      { tenantId: intake.hub.tenant.id, channelId: number.channelId },
    ])
  })
})

describe('around it', () => {
  test('[HOOK7] the limit per address does not count for networks', async () => {
    intake = await startIntake({ REST_IP_RATE_PER_MINUTE: '3' })
    const number = await intake.addNumber()
    for (let at = 0; at < 10; at++) expect(await intake.post(number, textTo(number))).toMatchObject(received)
    for (let at = 0; at < 3; at++) await intake.rest.call('GET', '/admin/me')
    expect((await intake.rest.call('GET', '/admin/me')).status).toBe(429)
    expect(await intake.post(number, textTo(number))).toMatchObject(received)
  })

  test('[HOOK1] everything is under BASE_PATH and nothing beside it', async () => {
    intake = await startIntake({ BASE_PATH: '/crmwhats' })
    const number = await intake.addNumber()
    expect(await intake.post(number, textTo(number))).toMatchObject(received)
    // Not by the client of the tests, which holds what is there to its document.
    const beside = await fetch(`${intake.rest.origin}/api/webhooks/whatsapp`, {
      method: 'POST',
      body: textTo(number),
    })
    expect(beside.status).toBe(404)
    const wrong = await intake.rest.call('PUT', '/api/webhooks/whatsapp', { json: {} })
    expect(wrong.status).toBe(405)
    expect(wrong.headers.get('allow')).toBe('GET, HEAD, POST')
  })

  test('[HOOK11] S31 no log line, metric or refusal holds a body, a signature, a secret or the key of an address', async () => {
    intake = await startIntake()
    const { url, log } = await startLogged()
    const rest = restClient(url)
    const number = await intake.addNumber({
      appSecret: 'canary-app-secret',
      verifyToken: 'canary-verify-token',
    })
    const { webhookKey, instanceName } = await intake.addInstance({ webhookSecret: 'canary-webhook-secret' })
    const body = textTo(number, 'canary-body')
    const signature = signatureOf(Buffer.from(body), number.appSecret)
    const answers = [
      await rest.call('POST', '/api/webhooks/whatsapp', {
        raw: body,
        headers: { 'x-hub-signature-256': signature },
      }),
      await rest.call('POST', '/api/webhooks/whatsapp', {
        raw: body.slice(1),
        headers: { 'x-hub-signature-256': signatureOf(Buffer.from(body.slice(1)), number.appSecret) },
      }),
      await rest.call('POST', '/api/webhooks/whatsapp', {
        raw: body,
        headers: { 'x-hub-signature-256': signature.replace(/.$/, 'x') },
      }),
      await rest.call('POST', `/api/webhooks/evolution/${webhookKey}/messages-upsert?apikey=canary-query`, {
        raw: JSON.stringify({ event: 'x', instance: instanceName, apikey: 'canary-apikey' }),
        headers: { 'x-webhook-secret': 'canary-webhook-secret' },
      }),
      await rest.call('POST', `/api/webhooks/evolution/${webhookKey}`, {
        raw: '{',
        headers: { 'x-webhook-secret': 'canary-webhook-secret' },
      }),
      await rest.call('POST', `/api/webhooks/evolution/${webhookKey}`, {
        raw: '{}',
        headers: { 'x-webhook-secret': 'canary-wrong-secret' },
      }),
      await rest.call('GET', '/api/webhooks/whatsapp?hub.mode=subscribe&hub.verify_token=canary-wrong'),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 401, 200, 400, 401, 403])
    await eventually(() =>
      expect(log.filter((line) => line.includes('"answered"')).length).toBeGreaterThanOrEqual(answers.length),
    )
    const metrics = await rest.call('GET', '/metrics')
    const text = [...log, ...answers.map((answer) => answer.text), metrics.text].join('\n')
    expect(text).not.toContain('canary')
    expect(text).not.toContain(webhookKey)
    expect(text).not.toContain(signature.slice(-20))
    expect(metrics.text).toContain('hub_ingress_total{provider="whatsapp-cloud",result="stored"} 1')
    expect(metrics.text).toMatch(/hub_ingress_ack_seconds_count\{provider="evolution"\} 3/)
  })
})

/** A REST process of the same hub with its most talkative log. */
async function startLogged(): Promise<{ url: string; log: string[] }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/rest/main.ts')], {
    env: { ...intake.hub.environment, PATH: process.env['PATH'], LOG_LEVEL: 'trace' } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  intake.hub.onClose(async () => {
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
  return { url, log }
}

/** A line to a server that can swallow what goes over the connections of now, as a broken network does. */
async function startLine(): Promise<{
  port: number
  leadTo(port: number): void
  freeze(): void
  cut(): void
}> {
  let target = 0
  const pairs: [Socket, Socket][] = []
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    near.pipe(far)
    far.pipe(near)
    for (const socket of [near, far]) socket.on('error', () => {})
    pairs.push([near, far])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy()
  }
  closers.push(async () => {
    cut()
    server.close()
    await once(server, 'close')
  })
  return {
    port: (server.address() as AddressInfo).port,
    leadTo: (port) => {
      target = port
    },
    freeze: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far)
        far.unpipe(near)
        near.resume()
        far.resume()
      }
    },
    cut,
  }
}
