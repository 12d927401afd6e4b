import { expect, test } from 'vitest'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import { buildChannel, buildConversation } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { type GatewayHub, startGatewayHub } from './setup.ts'

async function twoGateways(hub: GatewayHub) {
  const { gateway } = await hub.another()
  const ana = await hub.signIn('agent', { sub: 'ana', name: 'Ana' })
  const ben = await hub.signIn('agent', { sub: 'ben', name: 'Ben' })
  const here = hub.connect({ token: ana.token })
  const there = hub.connect({ token: ben.token, port: gateway.port })
  await here.next('caught-up')
  await there.next('caught-up')
  return { gateway, ana, ben, here, there }
}

// The first two wait side by side for what ends by itself: that is seconds in which nothing is to be done.
test.concurrent('[GW16] presence counts all sockets of a user on all gateways, and offline comes with the last', async () => {
  await using hub = await startGatewayHub()
  const { gateway, ana, ben, here, there } = await twoGateways(hub)
  await here.next('presence', ({ userId, state }) => userId === ben.actor.id && state === 'online')
  const second = hub.connect({ token: ben.token })
  await second.next('caught-up')
  expect(await second.send('presence.set', { state: 'away' })).toMatchObject({ ok: true })
  expect(await there.send('presence.set', { state: 'busy' })).toMatchObject({ ok: true })
  await here.next('presence', ({ userId, state }) => userId === ben.actor.id && state === 'busy')
  there.close()
  await here.next('presence', ({ userId, state }) => userId === ben.actor.id && state === 'away', 10_000)
  second.close()
  await here.next('presence', ({ userId, state }) => userId === ben.actor.id && state === 'offline', 10_000)
  const late = hub.connect({ token: ben.token, port: gateway.port })
  await late.next('caught-up')
  const answer = await late.send<{ users: unknown[] }>('presence.set', { state: 'online' })
  expect(answer).toMatchObject({
    ok: true,
    data: { users: expect.arrayContaining([{ userId: ana.actor.id, state: 'online' }]) },
  })
  expect(here.facts.filter((fact) => fact.name === 'presence')).toEqual([])
})

test.concurrent('[GW16] viewing and typing reach those who look at the same conversation, on other gateways too, and end by themselves', async () => {
  await using hub = await startGatewayHub()
  const { ana, ben, here, there } = await twoGateways(hub)
  const { id: conversationId } = await buildConversation(hub, await buildChannel(hub))
  expect(await here.send('conversation.view', { conversationId })).toMatchObject({
    ok: true,
    data: { viewers: [] },
  })
  await eventually(async () => {
    await there.send('conversation.leave', { conversationId })
    expect(await there.send('conversation.view', { conversationId })).toMatchObject({
      ok: true,
      data: { viewers: [{ userId: ana.actor.id, name: 'Ana' }] },
    })
    expect(here.of('viewing').at(-1)).toEqual({
      conversationId,
      userId: ben.actor.id,
      name: 'Ben',
      viewing: true,
    })
  })
  await there.send('typing', { conversationId, typing: true })
  expect(await here.next('typing')).toEqual({
    conversationId,
    userId: ben.actor.id,
    name: 'Ben',
    typing: true,
  })
  // Not renewed for ten seconds: over.
  expect(await here.next('typing', () => true, 14_000)).toMatchObject({ typing: false })
  await there.send('typing', { conversationId, typing: true })
  await here.next('typing', ({ typing }) => typing === true)
  there.close()
  expect(await here.next('typing')).toMatchObject({ typing: false })
  await here.next('viewing', ({ viewing }) => viewing === false)
  expect(there.of('typing')).toEqual([])
})

test('[GW16] who loses sight of a conversation leaves its room; one screen holds SOCKET_VIEWS conversations', async () => {
  await using hub = await startGatewayHub({ SOCKET_VIEWS: '2' })
  const { ana, ben, here, there } = await twoGateways(hub)
  const boss = await hub.signIn('manager', { sub: 'boss' })
  const channel = await buildChannel(hub)
  const [one, two, three] = [
    await buildConversation(hub, channel),
    await buildConversation(hub, channel),
    await buildConversation(hub, channel),
  ]
  const watcher = hub.connect({ token: boss.token })
  await watcher.next('caught-up')
  for (const { id: conversationId } of [one, two, three])
    await watcher.send('conversation.leave', { conversationId })
  await watcher.send('conversation.view', { conversationId: one.id })
  const inRoom = hub.connect({ token: ben.token })
  await inRoom.next('caught-up')
  await inRoom.send('conversation.view', { conversationId: one.id })
  await watcher.next('viewing', ({ viewing, userId }) => viewing === true && userId === ben.actor.id)
  await assignConversation(hub.deps, boss.actor, { conversationId: one.id, userId: ana.actor.id })
  await inRoom.next('conversation.hidden')
  await watcher.next('viewing', ({ viewing, userId }) => viewing === false && userId === ben.actor.id)
  expect(await inRoom.send('typing', { conversationId: one.id, typing: true })).toMatchObject({
    ok: false,
    error: { code: 'not_found' },
  })

  await here.send('conversation.view', { conversationId: one.id })
  await watcher.next('viewing', ({ userId }) => userId === ana.actor.id)
  await here.send('conversation.view', { conversationId: two.id })
  expect(
    watcher.of('viewing').filter((event) => event['userId'] === ana.actor.id && event['viewing'] === false),
  ).toEqual([])
  await here.send('conversation.view', { conversationId: three.id })
  await watcher.next('viewing', ({ viewing, userId }) => viewing === false && userId === ana.actor.id)
  expect(there.of('viewing')).toEqual([])
})

test('[GW16] what a gateway said that died is forgotten at the end of its life, and thrown away a life later', async () => {
  await using hub = await startGatewayHub()
  const ana = await hub.signIn('agent', { sub: 'ana', name: 'Ana' })
  const here = hub.connect({ token: ana.token })
  await here.next('caught-up')
  const name = `${hub.config.REDIS_PREFIX}:signs:presence:${hub.tenant.id}`
  const [alive, ended, dead] = ['alive', 'ended', 'dead'].map((user) => `${user} a-gateway-that-died`) as [
    string,
    string,
    string,
  ]
  const now = Date.now()
  await hub.deps.redis.hset(name, alive, `${now + 60_000} online`)
  await hub.deps.redis.hset(name, ended, `${now - 1000} online`)
  await hub.deps.redis.hset(name, dead, `${now - 61_000} online`)
  const answer = await here.send<{ users: { userId: string }[] }>('presence.set', { state: 'busy' })
  expect(answer).toMatchObject({ ok: true })
  const users = answer.ok ? answer.data.users.map(({ userId }) => userId) : []
  expect(users.toSorted()).toEqual(['alive', ana.actor.id].toSorted())
  await eventually(async () => {
    const fields = await hub.deps.redis.hkeys(name)
    expect(fields).toEqual(expect.arrayContaining([alive, ended]))
    expect(fields).not.toContain(dead)
  })
})
