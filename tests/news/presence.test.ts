import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import { setConversationStatus } from '../../src/domain/conversations/set-conversation-status.ts'
import { customerPresence } from '../../src/domain/conversations/show-presence.ts'
import { readHead } from '../../src/log/read.ts'
import { startRedis } from '../../src/embedded/redis.ts'
import type { InboundPresence } from '../../src/providers/inbound.ts'
import { type GatewayHub, startGatewayHub } from '../gateway/setup.ts'
import { buildChannel, buildContact, buildConversation, customerWrites } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'

const phone = '491701234567'
const sign = (
  state: InboundPresence['state'],
  value = phone,
  kind: 'wa_id' | 'lid' = 'wa_id',
): InboundPresence => ({
  kind: 'presence',
  at: new Date(),
  person: { identities: [{ kind, value }] },
  state,
})

async function conversationOf(hub: GatewayHub, digits = phone) {
  const channelId = await buildChannel(hub)
  const contactId = await buildContact(hub, { phone: digits })
  const { id: conversationId } = await buildConversation(hub, channelId, contactId)
  return { channelId, contactId, conversationId }
}

/** Says it again until the client hears it: right after a view the gateway may not listen to the tenant yet. */
async function untilHeard(hub: GatewayHub, channelId: string, heard: () => unknown[]) {
  await eventually(async () => {
    await customerPresence(hub.deps, hub.tenant.id, channelId, [sign('composing')])
    expect(heard().length).toBeGreaterThan(0)
  })
}

test('[NEWS8] a customer who writes is shown to those who have the conversation on screen, on every gateway, and to nobody else', async () => {
  await using hub = await startGatewayHub()
  const { gateway } = await hub.another()
  const { channelId, contactId, conversationId } = await conversationOf(hub)
  const ana = await hub.signIn('agent', { sub: 'ana' })
  const ben = await hub.signIn('agent', { sub: 'ben' })
  const here = hub.connect({ token: ana.token })
  const there = hub.connect({ token: ben.token, port: gateway.port })
  const elsewhere = hub.connect({ token: ben.token })
  const stranger = hub.connect({ token: hub.token('admin', { tenant: (await hub.addTenant()).slug }) })
  for (const client of [here, there, elsewhere, stranger]) await client.next('caught-up')
  await here.send('conversation.view', { conversationId })
  await there.send('conversation.view', { conversationId })
  expect(await stranger.send('conversation.view', { conversationId })).toMatchObject({ ok: false })
  const head = await readHead(hub.deps, hub.tenant.id)

  await untilHeard(hub, channelId, () => here.of('composing'))
  await untilHeard(hub, channelId, () => there.of('composing'))
  expect(here.of('composing')[0]).toEqual({ conversationId, contactId, composing: true })
  await customerPresence(hub.deps, hub.tenant.id, channelId, [sign('paused')])
  await here.next('composing', ({ composing }) => composing === false)
  await there.next('composing', ({ composing }) => composing === false)
  expect(elsewhere.of('composing')).toEqual([])
  expect(stranger.of('composing')).toEqual([])
  expect(await readHead(hub.deps, hub.tenant.id)).toEqual(head)
})

test('[NEWS8] writing that is not said again ends by itself, and so does the sight of it', async () => {
  await using hub = await startGatewayHub()
  const { channelId, conversationId } = await conversationOf(hub)
  const boss = await hub.signIn('manager', { sub: 'boss' })
  const ana = await hub.signIn('agent', { sub: 'ana' })
  const ben = await hub.signIn('agent', { sub: 'ben' })
  const [watching, losing] = [hub.connect({ token: boss.token }), hub.connect({ token: ben.token })]
  for (const client of [watching, losing]) {
    await client.next('caught-up')
    await client.send('conversation.view', { conversationId })
  }
  await untilHeard(hub, channelId, () => losing.of('composing'))
  const last = () => watching.of('composing').at(-1)
  expect(last()).toMatchObject({ composing: true })
  await assignConversation(hub.deps, boss.actor, { conversationId, userId: ana.actor.id })
  await losing.next('conversation.hidden')
  await watching.next('viewing', ({ viewing, userId }) => viewing === false && userId === ben.actor.id)
  const heardBefore = losing.of('composing').length
  await watching.next('composing', ({ composing }) => composing === false, 20_000)
  expect(losing.of('composing')).toHaveLength(heardBefore)
})

test('[NEWS8] a flood of signs is told once a second and ends with the truth', async () => {
  await using hub = await startGatewayHub()
  const { channelId, conversationId } = await conversationOf(hub)
  const client = hub.connect({ token: hub.token('agent') })
  await client.next('caught-up')
  await client.send('conversation.view', { conversationId })
  await untilHeard(hub, channelId, () => client.of('composing'))
  const before = client.of('composing').length
  const began = performance.now()
  for (let i = 0; i < 200; i++)
    await customerPresence(hub.deps, hub.tenant.id, channelId, [sign(i % 2 === 0 ? 'composing' : 'paused')])
  await customerPresence(hub.deps, hub.tenant.id, channelId, [sign('recording'), sign('unavailable')])
  await eventually(() => expect(client.of('composing').at(-1)).toMatchObject({ composing: false }))
  const seconds = (performance.now() - began) / 1000
  expect(client.of('composing').length - before).toBeLessThanOrEqual(Math.ceil(seconds) + 2)
})

test('[NEWS8] only the live conversation on this very channel shows its customer, and only by an address of theirs', async () => {
  await using hub = await startGatewayHub()
  const { channelId, contactId, conversationId } = await conversationOf(hub)
  const otherChannel = await buildChannel(hub)
  const other = await buildConversation(hub, otherChannel, contactId)
  const done = await conversationOf(hub, '491709999999')
  const admin = await hub.signIn('admin')
  await customerWrites(hub, done.conversationId, 'bye')
  await setConversationStatus(hub.deps, admin.actor, {
    conversationId: done.conversationId,
    status: 'resolved',
  })
  const client = hub.connect({ token: admin.token })
  await client.next('caught-up')
  for (const id of [conversationId, other.id, done.conversationId])
    expect(await client.send('conversation.view', { conversationId: id })).toMatchObject({ ok: true })
  await untilHeard(hub, channelId, () => client.of('composing'))
  expect(new Set(client.of('composing').map((event) => event['conversationId']))).toEqual(
    new Set([conversationId]),
  )
  const foreign = await hub.addTenant()
  await customerPresence(hub.deps, foreign.id, channelId, [sign('composing')])
  await customerPresence(hub.deps, hub.tenant.id, done.channelId, [sign('composing', '491709999999')])
  await customerPresence(hub.deps, hub.tenant.id, otherChannel, [sign('composing', phone, 'lid')])
  await customerPresence(hub.deps, hub.tenant.id, otherChannel, [sign('composing')])
  await client.next('composing', (event) => event['conversationId'] === other.id)
  expect(new Set(client.of('composing').map((event) => event['conversationId']))).toEqual(
    new Set([conversationId, other.id]),
  )
})

test('[NEWS8] without Redis signs are lost and nothing else happens; when it is back they show again; what is none is thrown away', async () => {
  const redis = await startRedis({
    dataDir: mkdtempSync(join(tmpdir(), 'switchboard-redis-')),
    log: () => {},
    test: true,
  })
  await using hub = await startGatewayHub({ REDIS_URL: redis.url })
  hub.onClose(() => redis.stop())
  const { channelId, conversationId } = await conversationOf(hub)
  const client = hub.connect({ token: hub.token('agent') })
  await client.next('caught-up')
  await client.send('conversation.view', { conversationId })
  await untilHeard(hub, channelId, () => client.of('composing'))
  await redis.stop()
  await eventually(() => expect(hub.deps.redis.status).not.toBe('ready'))
  await customerPresence(hub.deps, hub.tenant.id, channelId, [sign('paused')])
  await redis.start()
  await eventually(() => expect(hub.deps.redis.status).toBe('ready'))
  const before = client.of('composing').length
  await untilHeard(hub, channelId, () => client.of('composing').slice(before))

  const stranger = new Redis(redis.url)
  const channel = `${hub.config.REDIS_PREFIX}:composing:${hub.tenant.id}`
  for (const text of ['', 'no json', '{}', '[{"conversationId":"x"}]', JSON.stringify([null])])
    expect(await stranger.spublish(channel, text)).toBe(1)
  stranger.disconnect()
  const after = client.of('composing').length
  await untilHeard(hub, channelId, () => client.of('composing').slice(after))
  expect(client.of('composing').every((event) => event['conversationId'] === conversationId)).toBe(true)
})
