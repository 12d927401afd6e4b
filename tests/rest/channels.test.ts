import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ChannelView } from '../../src/contract/channel.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { readEvents } from '../../src/log/read.ts'
import { loadChannelForProvider } from '../../src/domain/channels/load-channel.ts'
import { decryptSecrets } from '../../src/domain/channels/secrets.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type StandIn, startStandIn } from '../harness/provider-stand-in.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

let network: StandIn
let hub: Hub
let rest: RestClient
let admin: string

beforeAll(async () => {
  network = await startStandIn()
  // By default the network is away: installations without it must work.
  network.always({ answer: { status: 503 } })
  hub = await startHub({ GRAPH_API_URL: `${network.url}/v23.0`, PUBLIC_URL: 'https://hub.example' })
  rest = await startRestOf(hub)
  admin = hub.token('admin')
})
afterAll(async () => {
  await hub[Symbol.asyncDispose]()
  await network.close()
})

let made = 0
const cloud = () => {
  made += 1
  return {
    provider: 'whatsapp-cloud',
    name: `Number ${made}`,
    phoneNumberId: `10000${made}`,
    wabaId: '777',
    displayPhoneNumber: '+55 11 99999-0000',
    accessToken: 'canary-access-token',
    appSecret: 'canary-app-secret',
    verifyToken: 'canary-verify-token',
  }
}
const evolution = (more: object = {}) => {
  made += 1
  return {
    provider: 'evolution',
    name: `Phone ${made}`,
    instanceName: `phone-${made}`,
    baseUrl: network.url,
    apiKey: 'canary-api-key',
    ...more,
  }
}

async function create(input: object, token = admin): Promise<ChannelView> {
  const answer = await rest.call<{ data: ChannelView }>('POST', '/api/v1/channels', { token, json: input })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.data
}

async function eventsOf(type: string, from = 0) {
  const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: from }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events
    .filter((event) => event.type === type)
    .map((event) => JSON.parse(event.payload) as { channel: ChannelView })
}

const query = <Row extends object>(text: string, values: unknown[] = []) =>
  readTenant(hub.deps, hub.tenant.id, (ask) => ask<Row>(text, values))

describe('connecting a number', () => {
  test('[REST1] a Cloud number is answered with its address, is ready to send, and is announced', async () => {
    const input = cloud()
    const answer = await rest.call<{ data: ChannelView }>('POST', '/api/v1/channels', {
      token: admin,
      json: input,
    })
    expect(answer.status).toBe(201)
    const { data } = answer.body
    expect(data).toMatchObject({
      provider: 'whatsapp-cloud',
      name: input.name,
      status: 'connected',
      stoppedReason: null,
      settings: {
        phoneNumberId: input.phoneNumberId,
        wabaId: '777',
        displayPhoneNumber: '+55 11 99999-0000',
      },
      webhookUrl: 'https://hub.example/api/webhooks/whatsapp',
      version: 1,
    })
    expect(answer.headers.get('location')).toBe(`/api/v1/channels/${data.id}`)
    expect(answer.headers.get('etag')).toBe('"1"')
    expect(await eventsOf('channel.created')).toContainEqual({ channel: data })
    expect(await query('select tokens from channel_lanes where channel_id = $1', [data.id])).toHaveLength(1)
  })

  test('[ACC6] secrets are kept encrypted and never answered, announced or written to the trail', async () => {
    const channel = await create(cloud())
    const [row] = await query<{ secrets: Buffer }>('select secrets from channels where id = $1', [channel.id])
    expect(row?.secrets.toString('latin1')).not.toContain('canary')
    expect(decryptSecrets(hub.config, row?.secrets ?? Buffer.alloc(0))).toEqual({
      accessToken: 'canary-access-token',
      appSecret: 'canary-app-secret',
      verifyToken: 'canary-verify-token',
    })
    const loaded = await readTenant(hub.deps, hub.tenant.id, (ask) =>
      loadChannelForProvider({ query: ask }, hub.config, channel.id),
    )
    expect(loaded).toMatchObject({ provider: 'whatsapp-cloud', secrets: { appSecret: 'canary-app-secret' } })
    const shown = await Promise.all([
      rest.call('GET', '/api/v1/channels', { token: admin }),
      rest.call('GET', `/api/v1/channels/${channel.id}`, { token: admin }),
      rest.call('PATCH', `/api/v1/channels/${channel.id}`, { token: admin, json: { name: 'Renamed' } }),
    ])
    const trail = await query('select before, after from audit_logs where entity_id = $1', [channel.id])
    const events = await query('select payload from events')
    for (const text of [...shown.map((answer) => answer.text), JSON.stringify(trail), JSON.stringify(events)])
      expect(text).not.toContain('canary')
    expect(trail[0]).toMatchObject({
      after: { accessToken: '********', settings: { phoneNumberId: channel.settings['phoneNumberId'] } },
    })
  })

  test('the trail says who did it, from where and in which request', async () => {
    const answer = await rest.call<{ data: ChannelView }>('POST', '/api/v1/channels', {
      token: admin,
      json: cloud(),
    })
    const rows = await query(
      'select actor, action, entity, ip, request_id from audit_logs where entity_id = $1',
      [answer.body.data.id],
    )
    expect(rows).toEqual([
      {
        actor: { kind: 'user', id: expect.any(String), name: 'admin-1' },
        action: 'channel.create',
        entity: 'channel',
        ip: '127.0.0.1',
        request_id: answer.headers.get('x-request-id'),
      },
    ])
  })

  test('[TEN5] a number has one owner in the whole installation, and who that is stays untold', async () => {
    const input = cloud()
    await create(input)
    const other = await hub.addTenant()
    const again = await rest.refused('POST', '/api/v1/channels', { token: admin, json: input })
    const elsewhere = await rest.refused('POST', '/api/v1/channels', {
      token: hub.token('admin', { tenant: other.slug }),
      json: input,
    })
    for (const problem of [again, elsewhere]) expect(problem).toMatchObject({ code: 'conflict', status: 409 })
    expect(elsewhere.details).toBeUndefined()
  })

  test('two who connect the same number at once: one gets it, nothing is left of the other', async () => {
    const input = cloud()
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => rest.call('POST', '/api/v1/channels', { token: admin, json: input })),
    )
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409])
    expect(await query('select id from channels where external_id = $1', [input.phoneNumberId])).toHaveLength(
      1,
    )
  })

  test.each(['manager', 'agent', 'viewer'] as const)(
    '[ACC2] a %s reads channels and writes none',
    async (role) => {
      const token = hub.token(role)
      const channel = await create(cloud())
      expect((await rest.call('GET', `/api/v1/channels/${channel.id}`, { token })).status).toBe(200)
      expect((await rest.call('GET', '/api/v1/channels', { token })).status).toBe(200)
      for (const [method, path, json] of [
        ['POST', '/api/v1/channels', cloud()],
        ['PATCH', `/api/v1/channels/${channel.id}`, { name: 'x' }],
        ['DELETE', `/api/v1/channels/${channel.id}`, undefined],
        ['POST', `/api/v1/channels/${channel.id}/verify`, undefined],
      ] as const)
        expect(await rest.refused(method, path, { token, json })).toMatchObject({
          code: 'forbidden',
          status: 403,
        })
    },
  )

  test('[ACC7] only who manages channels sees the unguessable part of an address', async () => {
    const channel = await create(evolution())
    expect(channel.webhookUrl).toMatch(/^https:\/\/hub\.example\/api\/webhooks\/evolution\/[\w-]{43}$/)
    const agents = await rest.call<{ data: ChannelView }>('GET', `/api/v1/channels/${channel.id}`, {
      token: hub.token('agent'),
    })
    expect(agents.body.data.webhookUrl).toBe('https://hub.example/api/webhooks/evolution/********')
    const created = (await eventsOf('channel.created')).find((event) => event.channel.id === channel.id)
    expect(created?.channel.webhookUrl).toMatch(/\*{8}$/)
  })
})

describe('an Evolution instance', () => {
  test('it is told our address with the secret, and its state becomes ours', async () => {
    const seen: unknown[] = []
    await using server = await startStandIn()
    server.always({
      method: 'POST',
      path: /^\/webhook\/set\//,
      answer: (request) => {
        seen.push(request.json)
        return { status: 201, json: {} }
      },
    })
    server.always({
      path: /^\/instance\/connectionState\//,
      answer: { json: { instance: { instanceName: 'x', state: 'open' } } },
    })
    const channel = await create(evolution({ baseUrl: server.url, webhookSecret: 'canary-webhook-secret' }))
    expect(channel.status).toBe('connecting')
    await eventually(async () => {
      const { body } = await rest.call<{ data: ChannelView }>('GET', `/api/v1/channels/${channel.id}`, {
        token: admin,
      })
      expect(body.data).toMatchObject({ status: 'connected', health: { webhook: { state: 'connected' } } })
    })
    expect(seen).toEqual([
      {
        webhook: expect.objectContaining({
          url: channel.webhookUrl,
          headers: { 'x-webhook-secret': 'canary-webhook-secret' },
        }),
      },
    ])
  })

  test('a server that is away does not fail the creation; the health says so', async () => {
    const channel = await create(evolution())
    await eventually(async () => {
      const { body } = await rest.call<{ data: ChannelView }>('GET', `/api/v1/channels/${channel.id}`, {
        token: admin,
      })
      expect(body.data).toMatchObject({ status: 'connecting', health: { webhook: { state: 'later' } } })
    })
  })
})

describe('changing and removing', () => {
  test('[REST6] a change names what it changes; the rest stays, null goes, and the version rises', async () => {
    const channel = await create(evolution({ webhookSecret: 'first' }))
    const path = `/api/v1/channels/${channel.id}`
    await eventually(async () => {
      const { body } = await rest.call<{ data: ChannelView }>('GET', path, { token: admin })
      expect(body.data.health).toHaveProperty('webhook')
    })
    const { body: before } = await rest.call<{ data: ChannelView }>('GET', path, { token: admin })
    const answer = await rest.call<{ data: ChannelView }>('PATCH', path, {
      token: admin,
      json: { name: 'New name', webhookSecret: null },
    })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body.data).toMatchObject({
      name: 'New name',
      settings: channel.settings,
      version: before.data.version + 1,
    })
    const loaded = await readTenant(hub.deps, hub.tenant.id, (ask) =>
      loadChannelForProvider({ query: ask }, hub.config, channel.id),
    )
    expect(loaded?.secrets).toEqual({ apiKey: 'canary-api-key' })
  })

  test('a change that changes nothing leaves no event and no line in the trail', async () => {
    const channel = await create(cloud())
    const path = `/api/v1/channels/${channel.id}`
    const answer = await rest.call<{ data: ChannelView }>('PATCH', path, {
      token: admin,
      json: { name: channel.name, wabaId: '777' },
    })
    expect(answer.body.data.version).toBe(1)
    expect(await query('select 1 from audit_logs where entity_id = $1', [channel.id])).toHaveLength(1)
  })

  test('[REST6] who read an older version is told so and changes nothing', async () => {
    const channel = await create(cloud())
    const path = `/api/v1/channels/${channel.id}`
    const ifMatch = (etag: string, json: object = { name: etag }) =>
      rest.call('PATCH', path, { token: admin, json, headers: { 'if-match': etag } })
    const etag = (await rest.call('GET', path, { token: admin })).headers.get('etag') ?? ''
    const [won, lost] = await Promise.all([ifMatch(etag, { name: 'A' }), ifMatch(etag, { name: 'B' })])
    expect([won.status, lost.status].toSorted((a, b) => a - b)).toEqual([200, 412])
    expect((await ifMatch('"0"')).status).toBe(412)
    expect((await ifMatch('W/"2"')).status).toBe(412)
    expect((await ifMatch('rubbish')).status).toBe(400)
    expect((await ifMatch('"1", "2"')).status).toBe(200)
    expect((await ifMatch('*')).status).toBe(200)
    expect((await rest.refused('DELETE', path, { token: admin, headers: { 'if-match': '"1"' } })).code).toBe(
      'precondition_failed',
    )
  })

  test('[TEN4] a channel of another tenant is not there', async () => {
    const channel = await create(cloud())
    const stranger = hub.token('admin', { tenant: (await hub.addTenant()).slug })
    const path = `/api/v1/channels/${channel.id}`
    const random = '/api/v1/channels/0198f000-0000-7000-8000-000000000000'
    for (const [method, json] of [
      ['GET', undefined],
      ['PATCH', { name: 'x' }],
      ['DELETE', undefined],
    ] as const) {
      const theirs = await rest.refused(method, path, { token: stranger, json })
      const nobodys = await rest.refused(method, random, { token: stranger, json })
      expect({ ...theirs, requestId: '', headers: null }).toEqual({
        ...nobodys,
        requestId: '',
        headers: null,
      })
      expect(theirs.code).toBe('not_found')
    }
    expect((await rest.refused('POST', `${path}/verify`, { token: stranger })).code).toBe('not_found')
    const list = await rest.call<{ data: unknown[] }>('GET', '/api/v1/channels', { token: stranger })
    expect(list.body.data).toEqual([])
  })

  test('a removed number is gone, forgets its secrets, and may be connected again', async () => {
    const input = cloud()
    const channel = await create(input)
    const path = `/api/v1/channels/${channel.id}`
    expect((await rest.call('DELETE', path, { token: admin })).status).toBe(204)
    expect((await rest.refused('GET', path, { token: admin })).code).toBe('not_found')
    expect((await rest.refused('DELETE', path, { token: admin })).code).toBe('not_found')
    const [row] = await query<{ secrets: Buffer }>('select secrets from channels where id = $1', [channel.id])
    expect(decryptSecrets(hub.config, row?.secrets ?? Buffer.alloc(0))).toEqual({})
    await create(input)
  })

  test('a member of the other network is refused by name', async () => {
    const channel = await create(cloud())
    const problem = await rest.refused('PATCH', `/api/v1/channels/${channel.id}`, {
      token: admin,
      json: { apiKey: 'x', baseUrl: 'https://x.example' },
    })
    expect(problem.errors?.map((fault) => fault.pointer).sort()).toEqual(['/apiKey', '/baseUrl'])
  })
})

describe('asking the network', () => {
  test('a good answer is written down and lets a stopped number send again', async () => {
    const channel = await create(cloud())
    const asksForIt = (path: string) => path.startsWith(`/v23.0/${channel.settings['phoneNumberId']}`)
    // The look that follows a creation is over.
    await eventually(() =>
      expect(network.requests.filter((request) => asksForIt(request.path))).toHaveLength(1),
    )
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(`update channels set stopped_reason = 'class C' where id = $1`, [channel.id]).then(() => {}),
    )
    network.once({
      path: `/v23.0/${channel.settings['phoneNumberId']}`,
      answer: {
        json: {
          id: channel.settings['phoneNumberId'],
          status: 'CONNECTED',
          quality_rating: 'GREEN',
          verified_name: 'Shop',
        },
      },
    })
    const answer = await rest.call<{ data: ChannelView }>('POST', `/api/v1/channels/${channel.id}/verify`, {
      token: admin,
    })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body.data).toMatchObject({ status: 'connected', stoppedReason: null, version: 2 })
    expect(JSON.stringify(answer.body.data.health)).toContain('GREEN')
    expect(await eventsOf('channel.updated')).toContainEqual({ channel: answer.body.data })
  })

  test('a network that does not answer changes nothing and is said so', async () => {
    const channel = await create(cloud())
    const problem = await rest.refused('POST', `/api/v1/channels/${channel.id}/verify`, { token: admin })
    expect(problem).toMatchObject({ code: 'provider_unreachable', status: 502, then: 'later' })
    expect(problem.headers.get('retry-after')).toBe('1')
    const { body } = await rest.call<{ data: ChannelView }>('GET', `/api/v1/channels/${channel.id}`, {
      token: admin,
    })
    expect(body.data).toMatchObject({ status: 'connected', version: 1 })
  })
})

describe('lists', () => {
  test('[REST7] a list is walked page by page without a gap or a repeat, while it grows', async () => {
    const tenant = await hub.addTenant()
    const token = hub.token('admin', { tenant: tenant.slug })
    const ids = []
    for (let n = 0; n < 5; n++) ids.push((await create(cloud(), token)).id)
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const path: string = `/api/v1/channels?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`
      const answer = await rest.call<{ data: ChannelView[]; nextCursor: string | null }>('GET', path, {
        token,
      })
      expect(answer.body.data.length).toBeLessThanOrEqual(2)
      seen.push(...answer.body.data.map((channel) => channel.id))
      cursor = answer.body.nextCursor
    } while (cursor !== null)
    expect(seen).toEqual(ids)
  })
})
