import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ChannelView } from '../../src/contract/channel.ts'
import { type IntakeHub, startIntake } from './intake-hub.ts'

let intake: IntakeHub
let admin: string
beforeAll(async () => {
  intake = await startIntake({ WEBHOOK_BODY_BYTES: '3000', PUBLIC_URL: 'https://hub.example' })
  admin = intake.hub.token('admin')
})
afterAll(() => intake[Symbol.asyncDispose]())
beforeEach(() => intake.asOwner('truncate webhook_inbox'))

const received = { status: 200, body: { received: true } }
const refused = (status: number, code: string) => ({ status, body: { code } })
let made = 0
const eventOf = (instance: string) => {
  made += 1
  return JSON.stringify({ event: 'connection.update', instance, data: { state: 'open', statusReason: made } })
}
const post = (key: string, body: string, headers: Record<string, string> = {}) =>
  intake.rest.call('POST', `/api/webhooks/evolution/${key}`, {
    raw: body,
    headers: { 'content-type': 'application/json', ...headers },
  })

describe('an address of its own', () => {
  test('[HOOK1] [HOOK9] a delivery to the address of an instance is stored for it', async () => {
    const { webhookKey, channelId, instanceName } = await intake.addInstance()
    const body = `${eventOf(instanceName)}\n`
    expect(await post(webhookKey, body)).toMatchObject(received)
    const [row, ...others] = await intake.inbox()
    expect(row).toMatchObject({
      tenantId: intake.hub.tenant.id,
      channelId,
      provider: 'evolution',
      state: 'new',
    })
    expect(row?.body.toString()).toBe(body)
    expect(others).toEqual([])
  })

  test('[HOOK9] the name of the event may follow the address', async () => {
    const { webhookKey, channelId, instanceName } = await intake.addInstance()
    expect(await post(`${webhookKey}/connection-update`, eventOf(instanceName))).toMatchObject(received)
    expect(await post(`${webhookKey}/`, eventOf(instanceName))).toMatchObject(received)
    expect(await post(`${webhookKey}/a/b`, eventOf(instanceName))).toMatchObject(refused(404, 'not_found'))
    expect((await intake.inbox()).map((row) => row.channelId)).toEqual([channelId, channelId])
  })

  test('[HOOK9] the address that REST shows to an admin is the one that works', async () => {
    const created = await intake.rest.call<{ data: ChannelView }>('POST', '/api/v1/channels', {
      token: admin,
      json: {
        provider: 'evolution',
        name: 'Phone',
        instanceName: 'phone-of-rest',
        baseUrl: 'http://127.0.0.1:9',
      },
    })
    expect(created.status, created.text).toBe(201)
    const { pathname } = new URL(created.body.data.webhookUrl)
    const answer = await intake.rest.call('POST', pathname, { raw: eventOf('phone-of-rest') })
    expect(answer).toMatchObject(received)
    expect((await intake.inbox()).map((row) => row.channelId)).toEqual([created.body.data.id])
  })

  test('[HOOK9] an address that is nobody’s is 404, whatever is posted', async () => {
    const { webhookKey, instanceName, channelId } = await intake.addInstance()
    const cloud = await intake.addNumber()
    const other = `${webhookKey.slice(0, -1)}${webhookKey.endsWith('A') ? 'B' : 'A'}`
    for (const key of [
      other,
      webhookKey.toUpperCase() === webhookKey ? webhookKey.toLowerCase() : webhookKey.toUpperCase(),
      webhookKey.slice(1),
      `${webhookKey}A`,
      `${webhookKey}%00`,
      `%27${webhookKey.slice(1)}`,
      'x'.repeat(5000),
      instanceName,
      channelId,
      '%',
      // A Cloud number comes in by its signature only.
      cloud.webhookKey,
    ])
      expect(await post(key, eventOf(instanceName)), key).toMatchObject(refused(404, 'not_found'))
    expect(await post('', eventOf(instanceName))).toMatchObject(refused(404, 'not_found'))
    expect(await intake.inbox()).toEqual([])
    const get = await intake.rest.call('GET', `/api/webhooks/evolution/${webhookKey}`)
    expect(get).toMatchObject(refused(405, 'method_not_allowed'))
    expect(get.headers.get('allow')).toBe('POST')
  })

  test('[HOOK4] [HOOK9] a removed instance is nobody’s at once', async () => {
    const { webhookKey, channelId, instanceName } = await intake.addInstance()
    expect(await post(webhookKey, eventOf(instanceName))).toMatchObject(received)
    expect((await intake.rest.call('DELETE', `/api/v1/channels/${channelId}`, { token: admin })).status).toBe(
      204,
    )
    expect(await post(webhookKey, eventOf(instanceName))).toMatchObject(refused(404, 'not_found'))
  })

  test('[HOOK9] keys are 256 random bits and no two are alike', async () => {
    const keys = new Set<string>()
    for (let at = 0; at < 20; at++) {
      const { body } = await intake.rest.call<{ data: ChannelView }>('POST', '/api/v1/channels', {
        token: admin,
        json: { provider: 'evolution', name: 'p', instanceName: `keys-${at}`, baseUrl: 'http://127.0.0.1:9' },
      })
      keys.add(body.data.webhookUrl.split('/').at(-1) ?? '')
    }
    expect(keys.size).toBe(20)
    for (const key of keys) expect(Buffer.from(key, 'base64url')).toHaveLength(32)
  })
})

describe('the secret', () => {
  test('[HOOK9] S23 an instance with a secret takes only deliveries that carry exactly it', async () => {
    const { webhookKey, instanceName } = await intake.addInstance({ webhookSecret: 'Tr0ub4dor&3' })
    const body = eventOf(instanceName)
    for (const secret of [
      '',
      'tr0ub4dor&3',
      'Tr0ub4dor&',
      'Tr0ub4dor&33',
      'Tr0ub4dor&3,Tr0ub4dor&3',
      'x'.repeat(8000),
    ])
      expect(await post(webhookKey, body, { 'x-webhook-secret': secret }), secret).toMatchObject(
        refused(401, 'signature_invalid'),
      )
    expect(await post(webhookKey, body)).toMatchObject(refused(401, 'signature_invalid'))
    expect(await post(webhookKey, 'no JSON')).toMatchObject(refused(401, 'signature_invalid'))
    expect(await intake.inbox()).toEqual([])
    expect(await post(webhookKey, body, { 'x-webhook-secret': 'Tr0ub4dor&3' })).toMatchObject(received)
    expect(await intake.inbox()).toHaveLength(1)
  })

  test('[HOOK9] an instance without a secret minds no header', async () => {
    const { webhookKey, instanceName } = await intake.addInstance()
    expect(await post(webhookKey, eventOf(instanceName), { 'x-webhook-secret': 'whatever' })).toMatchObject(
      received,
    )
  })

  test('[HOOK4] [HOOK9] a new secret counts from the next delivery on, and none when it was taken away', async () => {
    const { webhookKey, channelId, instanceName } = await intake.addInstance({ webhookSecret: 'first' })
    const change = async (webhookSecret: string | null) => {
      const answer = await intake.rest.call('PATCH', `/api/v1/channels/${channelId}`, {
        token: admin,
        json: { webhookSecret },
      })
      expect(answer.status, answer.text).toBe(200)
    }
    await change('second')
    expect((await post(webhookKey, eventOf(instanceName), { 'x-webhook-secret': 'first' })).status).toBe(401)
    expect((await post(webhookKey, eventOf(instanceName), { 'x-webhook-secret': 'second' })).status).toBe(200)
    await change(null)
    expect((await post(webhookKey, eventOf(instanceName))).status).toBe(200)
  })

  test('[HOOK9] secrets that cannot be read let nobody in and lose nothing', async () => {
    const { webhookKey, channelId, instanceName } = await intake.addInstance()
    await intake.asOwner(`update channels set secrets = '\\x00' where id = $1`, [channelId])
    expect(await post(webhookKey, eventOf(instanceName))).toMatchObject(refused(503, 'unavailable'))
  })
})

describe('what is posted', () => {
  test('[HOOK7] has at most WEBHOOK_BODY_BYTES and is JSON', async () => {
    const { webhookKey, instanceName } = await intake.addInstance()
    const body = eventOf(instanceName)
    expect(await post(webhookKey, body.padEnd(3000))).toMatchObject(received)
    expect(await post(webhookKey, body.padEnd(3001))).toMatchObject(refused(413, 'payload_too_large'))
    for (const broken of ['', body.slice(0, -1), '<xml/>'])
      expect(await post(webhookKey, broken)).toMatchObject(refused(400, 'malformed_json'))
    expect(await post(webhookKey, '['.repeat(300))).toMatchObject(refused(400, 'validation_failed'))
    expect(await intake.inbox()).toHaveLength(1)
  })

  test('[HOOK6] once is stored once per instance', async () => {
    const [first, second] = [await intake.addInstance(), await intake.addInstance()]
    const body = eventOf(first.instanceName)
    for (let at = 0; at < 3; at++) {
      expect(await post(first.webhookKey, body)).toMatchObject(received)
      expect(await post(second.webhookKey, body)).toMatchObject(received)
    }
    expect((await intake.inbox()).map((row) => row.channelId)).toEqual([first.channelId, second.channelId])
  })

  test('[HOOK5] [D7] for a suspended tenant is kept and not processed', async () => {
    const tenant = await intake.hub.addTenant()
    const { webhookKey, channelId, instanceName } = await intake.addInstance({ tenant: tenant.id })
    await intake.asOwner(`update tenants set status = 'suspended' where id = $1`, [tenant.id])
    expect(await post(webhookKey, eventOf(instanceName))).toMatchObject(received)
    expect(await intake.inbox()).toMatchObject([
      { tenantId: tenant.id, channelId, state: 'quarantined', reason: 'tenant_suspended' },
    ])
  })
})
