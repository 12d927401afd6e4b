import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ChannelView } from '../../src/contract/channel.ts'
import { readEvents } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

let hub: Hub
let rest: RestClient
let admin: string
const path = '/api/v1/channels'

beforeAll(async () => {
  // Nobody listens there: the look at a new number fails at once and changes nothing.
  hub = await startHub({ GRAPH_API_URL: 'http://127.0.0.1:1/v23.0' })
  rest = await startRestOf(hub)
  admin = hub.token('admin')
})
afterAll(() => hub[Symbol.asyncDispose]())

let made = 0
function channel(more: object = {}) {
  made += 1
  return {
    provider: 'whatsapp-cloud',
    name: `Number ${made}`,
    phoneNumberId: `20000${made}`,
    wabaId: '1',
    displayPhoneNumber: '1',
    accessToken: 'a',
    appSecret: 'b',
    verifyToken: 'c',
    ...more,
  }
}
const keyed = (key: string, json: object, token = admin) => ({
  token,
  json,
  headers: { 'idempotency-key': key },
})

async function channelsNamed(externalId: string): Promise<number> {
  const rows = await readTenant(hub.deps, hub.tenant.id, (query) =>
    query('select id from channels where external_id = $1', [externalId]),
  )
  return rows.length
}

async function creationsOf(id: string): Promise<number> {
  const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 0 }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events.filter((event) => event.type === 'channel.created' && event.payload.includes(id)).length
}

describe('a POST with an Idempotency-Key', () => {
  test('[REST5] a repeat gets the same bytes, headers and status, and does nothing', async () => {
    const input = channel()
    const first = await rest.call<{ data: ChannelView }>('POST', path, keyed('repeat', input))
    const again = await rest.call<{ data: ChannelView }>('POST', path, keyed('repeat', input))
    expect([first.status, again.status]).toEqual([201, 201])
    expect(again.text).toBe(first.text)
    for (const header of ['etag', 'location', 'content-type'])
      expect(again.headers.get(header)).toBe(first.headers.get(header))
    expect([first, again].map((answer) => answer.headers.get('idempotency-replayed'))).toEqual([null, 'true'])
    expect(await channelsNamed(input.phoneNumberId)).toBe(1)
    expect(await creationsOf(first.body.data.id)).toBe(1)
  })

  test('[REST5] S38 the same key with another body or path is refused', async () => {
    const input = channel()
    await rest.call('POST', path, keyed('other-body', input))
    expect(await rest.refused('POST', path, keyed('other-body', channel()))).toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
    })
    expect(
      await rest.refused(
        'POST',
        `${path}/0198f000-0000-7000-8000-000000000000/verify`,
        keyed('other-body', {}),
      ),
    ).toMatchObject({
      code: 'idempotency_key_reused',
    })
  })

  test('[REST5] S38 the same key of another user or tenant is another key', async () => {
    const other = await hub.addTenant()
    const answers = await Promise.all([
      rest.call<{ data: ChannelView }>('POST', path, keyed('shared', channel())),
      rest.call<{ data: ChannelView }>(
        'POST',
        path,
        keyed('shared', channel(), hub.token('admin', { sub: 'admin-2' })),
      ),
      rest.call<{ data: ChannelView }>(
        'POST',
        path,
        keyed('shared', channel(), hub.token('admin', { tenant: other.slug })),
      ),
    ])
    expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201])
    expect(new Set(answers.map((answer) => answer.body.data.id)).size).toBe(3)
  })

  test('[REST5] of parallel requests with one key one does it, all get its answer', async () => {
    const input = channel()
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => rest.call('POST', path, keyed('parallel', input))),
    )
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 8 }, () => 201))
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1)
    expect(await channelsNamed(input.phoneNumberId)).toBe(1)
  })

  test('[REST5] a refused request leaves its key free', async () => {
    const input = channel()
    expect((await rest.refused('POST', path, keyed('retry', { ...input, name: '' }))).code).toBe(
      'validation_failed',
    )
    const taken = channel()
    await rest.call('POST', path, { token: admin, json: taken })
    expect((await rest.refused('POST', path, keyed('retry', taken))).code).toBe('conflict')
    expect((await rest.call('POST', path, keyed('retry', input))).status).toBe(201)
  })

  test('[REST5] a key is forgotten after its hours', async () => {
    const input = channel()
    const first = await rest.call<{ data: ChannelView }>('POST', path, keyed('old', input))
    await rest.call('DELETE', `${path}/${first.body.data.id}`, { token: admin })
    const age = (hours: number) =>
      inTenant(hub.deps, hub.tenant.id, async (tx) => {
        await tx.query(
          `update idempotency_keys set created_at = now() - make_interval(secs => $1) where key = 'old'`,
          [hours * 3600],
        )
      })
    await age(hub.config.IDEMPOTENCY_HOURS - 0.01)
    expect((await rest.call('POST', path, keyed('old', input))).text).toBe(first.text)
    await age(hub.config.IDEMPOTENCY_HOURS + 0.01)
    const second = await rest.call<{ data: ChannelView }>('POST', path, keyed('old', input))
    expect(second.status).toBe(201)
    expect(second.body.data.id).not.toBe(first.body.data.id)
  })

  test.each([
    ['one character', 'x', 201],
    ['255 characters', 'k'.repeat(255), 201],
    ['256 characters', 'k'.repeat(256), 400],
    ['a space inside', 'a b', 400],
  ])('[REST8] a key of %s', async (_, key, status) => {
    expect((await rest.call('POST', path, keyed(key, channel()))).status).toBe(status)
  })
})

/** A REST process of its own, as an operator runs it. */
async function startProcess() {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/rest/main.ts')], {
    env: { ...hub.environment, PATH: process.env['PATH'], LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /"url":"([^"]+)"/.exec(line)?.[1]
    if (url !== undefined) {
      child.stdout.resume()
      return { child, url }
    }
  }
  throw new Error('the process ended before it was ready')
}

describe('[A2] a process that dies between commit and answer', () => {
  test('[REST5] the repeat with the same key gets the answer that was lost; the change happened once', async () => {
    const { child, url } = await startProcess()
    const input = channel()
    const body = JSON.stringify(input)
    const { hostname, port } = new URL(url)
    // The request goes out; its answer is never read, and the process is killed as soon as the row is committed.
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    socket.pause()
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin}\r\nIdempotency-Key: lost-answer\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    await eventually(async () => expect(await channelsNamed(input.phoneNumberId)).toBe(1))
    child.kill('SIGKILL')
    await once(child, 'exit')
    socket.destroy()

    const again = await rest.call<{ data: ChannelView }>('POST', path, keyed('lost-answer', input))
    expect(again.status).toBe(201)
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(again.body.data.settings).toMatchObject({ phoneNumberId: input.phoneNumberId })
    expect(await channelsNamed(input.phoneNumberId)).toBe(1)
    expect(await creationsOf(again.body.data.id)).toBe(1)
  })
})
