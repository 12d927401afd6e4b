import { afterEach, expect, test, vi } from 'vitest'
import { seenIn } from './seen.ts'
import { startRest } from '../../src/rest/server.ts'
import { startSimulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { restClient } from '../harness/rest-client.ts'

vi.setConfig({ testTimeout: 90_000 })

const secrets = { accessToken: 'the-token', appSecret: 'the-secret', verifyToken: 'the-verify-token' }
const settings = {
  phoneNumberId: '200000000000001',
  wabaId: '200000000000002',
  displayPhoneNumber: '+1 555 010 0199',
}
let hub: Hub | undefined

afterEach(() => hub?.[Symbol.asyncDispose]())

/** A hub with REST and workers, and a simulator that plays its only number. Everybody is a hundred times as fast as people. */
async function startWorld(more: Partial<SimulatorOptions> = {}) {
  const simulator = await startSimulator({ port: 0, seed: 5, haste: 100, log: () => {}, ...more })
  const world = await startHub({ GRAPH_API_URL: simulator.graphApiUrl, MEDIA_HOSTS: simulator.host })
  hub = world
  world.onClose(() => simulator.close())
  const channel = await world.addChannel({
    provider: 'whatsapp-cloud',
    settings,
    secrets,
    externalId: settings.phoneNumberId,
    accountId: settings.wabaId,
  })
  const workers = startWorkers(world.deps)
  world.onClose(() => workers.close())
  const rest = await startRest(world.deps, { port: 0 })
  world.onClose(() => rest.close())
  const { port } = rest
  const webhookUrl = `http://127.0.0.1:${port}/api/webhooks/whatsapp`
  const line = simulator.connect({ ...settings, ...secrets, webhookUrl }, 6)
  return { hub: world, simulator, line, channel, rest, port, client: restClient(`http://127.0.0.1:${port}`) }
}

test('[SIM2] the hub answers the handshake, and refuses it with another verify token', async () => {
  const { line } = await startWorld()
  expect(await line.subscribe()).toBe(true)
  await hub?.[Symbol.asyncDispose]()

  const simulator = await startSimulator({ port: 0, seed: 5, log: () => {} })
  const world = await startHub()
  hub = world
  world.onClose(() => simulator.close())
  const rest = await startRest(world.deps, { port: 0 })
  world.onClose(() => rest.close())
  const stranger = simulator.connect(
    { ...settings, ...secrets, webhookUrl: `http://127.0.0.1:${rest.port}/api/webhooks/whatsapp` },
    1,
  )
  expect(await stranger.subscribe()).toBe(false)
})

test('[SIM2] what customers write becomes messages, with their files; an answer climbs to read and is answered', async () => {
  const { hub: world, line, client } = await startWorld()
  const seen = seenIn(world)
  line.crowd.say(0, { type: 'text', body: 'Grüße 🌞 / <b>' })
  line.crowd.say(1, { type: 'image', file: { kind: 'photo', variant: 3 }, caption: 'see' })
  line.crowd.say(2, { type: 'document', file: { kind: 'receipt', variant: 3 }, fileName: 'receipt.pdf' })
  line.crowd.say(3, { type: 'location', latitude: 1.5, longitude: 2.5, name: 'Here', address: 'There 1' })
  await eventually(async () => {
    const messages = await seen.messages()
    expect(messages.map(({ type, text, media }) => [type, text, media])).toEqual([
      ['document', null, 'stored'],
      ['image', 'see', 'stored'],
      ['location', expect.anything(), null],
      ['text', 'Grüße 🌞 / <b>', null],
    ])
  }, 30_000)

  const { token } = await world.signIn('manager')
  const customer = line.crowd.customers[0]
  const conversations = await client.call<{ data: { id: string; contact: { name: string } }[] }>(
    'GET',
    '/api/v1/conversations',
    { token },
  )
  const conversation = conversations.body.data.find(({ contact }) => contact.name === customer?.name)
  // One of a few texts is left without an answer; so many are not.
  for (let turn = 0; turn < 8; turn += 1) {
    const sent = await client.call('POST', `/api/v1/conversations/${conversation?.id}/messages`, {
      token,
      json: { clientMessageId: `turn-${turn}`, type: 'text', text: `Hello ${turn}`, force: true },
    })
    expect(sent.status).toBe(202)
  }
  await eventually(async () => {
    const messages = await seen.messages()
    const ours = messages.filter(({ direction }) => direction === 'out')
    const wanted = customer?.showsRead ? 'read' : 'delivered'
    expect(ours.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => wanted))
    expect(await seen.count()).toBeGreaterThan(4 + 8)
  }, 30_000)
})

test('[SIM2] a message to a number that nobody has fails as it does at Meta', async () => {
  const { hub: world, line } = await startWorld()
  line.crowd.say(0, { type: 'text', body: 'I am leaving' })
  const seen = seenIn(world)
  await eventually(async () => expect(await seen.count()).toBe(1), 30_000)
  await seen.moveCustomer(line.crowd.customers[0]?.phone ?? '', '15555559999')
  const { actor } = await world.signIn('manager')
  const { sendMessage } = await import('../../src/domain/messages/send-message.ts')
  const [first] = await seen.messages()
  await sendMessage(world.deps, actor, {
    conversationId: first?.conversationId ?? '',
    clientMessageId: 'gone-1',
    type: 'text',
    text: 'Are you still there?',
  })
  await eventually(async () => {
    const ours = (await seen.messages()).find(({ direction }) => direction === 'out')
    expect(ours).toMatchObject({ status: 'failed', error: { code: '131026' } })
  }, 30_000)
})

test('[SIM3] what customers write while the hub is away arrives when it is back, each once', async () => {
  const lines: string[] = []
  const { hub: world, line, rest, port } = await startWorld({ log: (text) => lines.push(text) })
  const seen = seenIn(world)
  line.crowd.say(0, { type: 'text', body: 'before' })
  await eventually(async () => expect(await seen.count()).toBe(1), 30_000)
  await rest.close()
  for (let turn = 0; turn < 30; turn += 1)
    line.crowd.say(turn % 6, { type: 'text', body: `while away ${turn}` })
  await eventually(() => expect(lines.at(-1)).toContain('the hub takes no webhooks: it does not answer'))
  expect(line.outbox.waiting).toBe(30)
  const again = await startRest(world.deps, { port })
  world.onClose(() => again.close())
  await eventually(async () => expect(await seen.count()).toBe(31), 30_000)
  expect(line.outbox.waiting).toBe(0)
  expect(lines.at(-1)).toBe('the hub takes webhooks again')
})

test('[SIM3] deliveries that come twice, late and in another order are the same messages in the end', async () => {
  const { hub: world, line } = await startWorld({ faults: true })
  const seen = seenIn(world)
  for (let turn = 0; turn < 60; turn += 1) line.crowd.say(turn % 6, { type: 'text', body: `faulty ${turn}` })
  await eventually(async () => {
    expect(line.outbox.waiting).toBe(0)
    expect(await seen.count()).toBe(60)
  }, 30_000)
  // Ten per cent are doubled; of sixty with this seed some are.
  expect(line.outbox.accepted).toBeGreaterThan(60)
})
