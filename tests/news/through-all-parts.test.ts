import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ChannelView } from '../../src/contract/channel.ts'
import { startWorkers } from '../../workers/server.ts'
import { type GatewayHub, startGatewayHub } from '../gateway/setup.ts'
import { buildContact, buildConversation } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/whatsapp/${name}.json`, import.meta.url), 'utf8')

/** Intake, workers and gateway of one hub. */
async function startParts(): Promise<GatewayHub & { rest: RestClient }> {
  // The network is away: nothing here asks it anything that matters.
  const hub = await startGatewayHub({ SWEEP_MS: '200', GRAPH_API_URL: 'http://127.0.0.1:9' })
  const rest = await startRestOf(hub)
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  return { ...hub, rest, [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() }
}

async function evolutionNumber(hub: GatewayHub & { rest: RestClient }) {
  const { id, webhookKey } = await hub.addChannel({
    provider: 'evolution',
    settings: { instanceName: 'atendimento-01' },
    secrets: {},
    externalId: 'atendimento-01',
  })
  const posts = async (body: string) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await hub.rest.call('POST', `/api/webhooks/evolution/${webhookKey}`, {
      raw: body,
      headers,
    })
    expect(answer.status, answer.text).toBe(200)
  }
  return { id, posts }
}

test('[NEWS8] typing on the phone of a customer shows on the screen of an agent', async () => {
  await using hub = await startParts()
  const { id, posts } = await evolutionNumber(hub)
  const contactId = await buildContact(hub, { phone: '5511999990001' })
  const { id: conversationId } = await buildConversation(hub, id, contactId)
  const client = hub.connect({ token: hub.token('agent') })
  await client.next('caught-up')
  await client.send('conversation.view', { conversationId })
  let said = 0
  const body = fixture('evolution/presence-update-composing')
  await eventually(async () => {
    // Each delivery differs from the last, or it would be the same one come twice.
    await posts(body.replace('2026-07-02T12:11:03', `2026-07-02T12:11:${10 + (said++ % 50)}`))
    expect(client.of('composing')).toContainEqual({ conversationId, contactId, composing: true })
  })
})

test('[NEWS2] [NEWS4] a number that must be paired tells its admin, goes down when it is logged out, and comes back', async () => {
  await using hub = await startParts()
  const { id, posts } = await evolutionNumber(hub)
  const shown = async (role: 'admin' | 'agent' = 'admin') =>
    (await hub.rest.call<{ data: ChannelView }>('GET', `/api/v1/channels/${id}`, { token: hub.token(role) }))
      .body.data
  const agent = hub.connect({ token: hub.token('agent') })
  await agent.next('caught-up')
  const hears = (status: ChannelView['status']) =>
    agent.next('channel.updated', ({ data }) => (data as { channel: ChannelView }).channel.status === status)

  await posts(fixture('evolution/connection-update-close-logged-out'))
  await hears('disconnected')
  expect((await shown()).health).toMatchObject({ reason: 'logged out on the phone; pair it again' })
  await posts(fixture('evolution/qrcode-updated'))
  await hears('connecting')
  expect((await shown()).health.qr).toMatch(/^data:image\/png;base64,/)
  expect((await shown('agent')).health.qr).toBe('********')
  expect(JSON.stringify(agent.heard)).not.toContain('base64,')
  await posts(fixture('evolution/connection-update-open'))
  await hears('connected')
  expect((await shown()).health).toMatchObject({ qr: null, state: 'open' })
})

test('[NEWS2] [NEWS5] [NEWS6] an account’s news, a template’s state and a "stop" arrive where they belong', async () => {
  await using hub = await startParts()
  const { id } = await hub.addChannel({
    provider: 'whatsapp-cloud',
    settings: {
      phoneNumberId: '106540352242922',
      wabaId: '102290129340398',
      displayPhoneNumber: '15550783881',
    },
    secrets: { accessToken: 'token', appSecret: 'app-secret', verifyToken: 'verify' },
    externalId: '106540352242922',
    accountId: '102290129340398',
  })
  const client = hub.connect({ token: hub.token('viewer') })
  await client.next('caught-up')
  const posts = async (name: string) => {
    const raw = fixture(`cloud/${name}`)
    const signature = createHmac('sha256', 'app-secret').update(raw).digest('hex')
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` }
    const answer = await hub.rest.call('POST', '/api/webhooks/whatsapp', { raw, headers })
    expect(answer.status, answer.text).toBe(200)
  }
  await posts('account-update-restriction')
  const restricted = await client.next(
    'channel.updated',
    ({ data }) => (data as { channel: ChannelView }).channel.status === 'restricted',
  )
  // It may not begin conversations; it may answer, so it is not stopped.
  expect(restricted['data']).toMatchObject({ channel: { id, stoppedReason: null } })
  // Its end lies in the past, and workers find that out.
  await client.next(
    'channel.updated',
    ({ data }) => (data as { channel: ChannelView }).channel.status === 'connected',
  )
  await posts('template-status-paused')
  expect((await client.next('template.updated'))['data']).toMatchObject({
    template: { channelId: id, status: 'PAUSED' },
  })
  await posts('user-preferences-stop-bsuid')
  expect((await client.next('consent.changed'))['data']).toMatchObject({ granted: false, source: 'network' })
})
