import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { assignConversation } from '../../src/domain/conversations/assign-conversation.ts'
import { formatPosition } from '../../src/contract/position.ts'
import { claimConversation } from '../../src/domain/conversations/claim-conversation.ts'
import { labelConversation } from '../../src/domain/conversations/label-conversation.ts'
import { addNote } from '../../src/domain/notes/add-note.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { startApi } from '../harness/api.ts'
import { buildChannel, buildConversation, buildTeam, customerWrites } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { expectSameAsSnapshot, takeState } from '../harness/replay.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import type { TestClient } from '../harness/socket-client.ts'
import { recordFacts, startGatewayHub } from './setup.ts'

const last = (client: TestClient) => Number(client.position?.split(':')[1])

test('[GW1] a live socket hears what is committed, in order, each once', async () => {
  await using hub = await startGatewayHub()
  const ana = hub.connect()
  const hello = await ana.next('hello')
  expect(hello).toMatchObject({ protocol: 1, user: { role: 'admin' }, tenant: { slug: 'main' } })
  await ana.next('caught-up')
  const before = ana.seqs.length
  await hub.happen(3)
  await hub.happen(1)
  await eventually(() => expect(ana.seqs).toHaveLength(before + 4))
  expect(ana.facts.at(-1)?.payload).toMatchObject({
    epoch: 1,
    type: 'consent.changed',
    actor: { kind: 'system' },
    data: { category: 'marketing' },
  })
  expect(ana.faults).toEqual([])
})

test('[GW2] fifty cuts under concurrent writes, on two gateways: no hole, nothing twice', async () => {
  const seed = stormSeed('fifty cuts')
  const random = seededRandom(seed)
  await using hub = await startGatewayHub({ SOCKET_TAIL_EVENTS: '60', REPLAY_PAGE: '25' })
  const { gateway: second } = await hub.another()
  const ports = [hub.gateway.port, second.port]
  let writing = true
  const writers = [1, 2].map(async () => {
    while (writing) {
      await inTenant(hub.deps, hub.tenant.id, (tx) =>
        Promise.resolve(recordFacts(tx, 1 + Math.floor(random() * 4), random() < 0.1 ? 5000 : 0)),
      )
      if (random() < 0.5) await turn()
    }
  })
  const all: number[] = []
  let position: string | undefined
  for (let cut = 0; cut < 50; cut++) {
    const client = hub.connect({ port: ports[cut % 2]!, ...(position === undefined ? {} : { position }) })
    if (random() < 0.7) await client.next('caught-up')
    else await client.next('hello')
    const wanted = client.facts.length + Math.floor(random() * 12)
    await eventually(() => expect(client.facts.length).toBeGreaterThanOrEqual(wanted))
    client.close()
    expect(client.faults).toEqual([])
    expect(client.of('reset')).toEqual([])
    all.push(...client.seqs)
    position = client.position
  }
  writing = false
  await Promise.all(writers)
  const end = hub.connect({ port: ports[0]!, position: position! })
  await end.next('caught-up')
  all.push(...end.seqs)
  const [first] = all
  expect(all).toEqual(Array.from({ length: all.length }, (_, i) => first! + i))
  expect(all.length).toBeGreaterThan(100)
})

test('[GW2] a replay that outlasts memory, pages and backpressure is whole', async () => {
  await using hub = await startGatewayHub({
    SOCKET_TAIL_EVENTS: '20',
    REPLAY_PAGE: '50',
    SOCKET_REPLAYS: '2',
  })
  await hub.signIn('admin')
  for (let i = 0; i < 10; i++) await hub.happen(50, 6000)
  const clients = Array.from({ length: 6 }, () => hub.connect({ position: '1:1' }))
  for (const client of clients) {
    await client.next('caught-up', () => true, 20_000)
    expect(client.seqs).toEqual(Array.from({ length: 500 }, (_, i) => i + 2))
    expect(client.faults).toEqual([])
  }
})

test('[GW1] the events of one transaction are one write for everybody who hears the same', async () => {
  await using hub = await startGatewayHub()
  const raw = await hub.raw().open(hub.token('admin'))
  await raw.next((text) => text.startsWith('42["caught-up"'))
  const chunks: number[] = []
  const socket = (raw.ws as unknown as { _socket: NodeJS.ReadableStream })._socket
  socket.on('data', (chunk: Buffer) => chunks.push(chunk.length))
  const before = raw.received.length
  await hub.happen(20)
  await eventually(() => expect(raw.received.length - before).toBe(20))
  expect(chunks.length).toBeLessThanOrEqual(2)
})

test('[GW4] everybody hears what the policy allows now: live, by replay from memory and from the database', async () => {
  await using hub = await startGatewayHub({ SOCKET_WATERMARK_MS: '200' })
  const [ana, ben, boss] = [
    await hub.signIn('agent', { sub: 'ana' }),
    await hub.signIn('agent', { sub: 'ben' }),
    await hub.signIn('manager', { sub: 'boss' }),
  ]
  const team = await buildTeam(hub, [ben])
  const conversation = await buildConversation(hub, await buildChannel(hub))
  const start = hub.connect({ token: boss.token })
  const { position } = await start.next('caught-up')

  const [hearsAna, hearsBen, hearsBoss] = [ana, ben, boss].map(({ token }) => hub.connect({ token }))
  for (const client of [hearsAna!, hearsBen!, hearsBoss!]) await client.next('caught-up')
  await customerWrites(hub, conversation.id, 'nobody has it')
  await hearsAna!.next('message.received')
  await hearsBen!.next('message.received')

  const actor = boss.actor
  await assignConversation(hub.deps, actor, { conversationId: conversation.id, userId: ana.actor.id })
  expect(await hearsBen!.next('conversation.hidden')).toMatchObject({
    data: { conversationId: conversation.id },
  })
  await hearsAna!.next('conversation.assigned')
  await customerWrites(hub, conversation.id, 'for ana')
  const heard = await hearsAna!.next('message.received')
  await hearsBoss!.next('message.received', ({ seq }) => seq === heard.seq)
  expect(hearsBen!.of('message.received')).toHaveLength(1)
  expect(hearsAna!.of('conversation.hidden')).toEqual([])

  // Ben is told how far he is although he heard nothing.
  await hearsBen!.next('position', (payload) => payload.position === `1:${heard.seq}`)

  const { gateway: second } = await hub.another({ SOCKET_TAIL_EVENTS: 1 })
  for (const port of [hub.gateway.port, second.port]) {
    const replayBen = hub.connect({ port, token: ben.token, position })
    const replayAna = hub.connect({ port, token: ana.token, position })
    await replayBen.next('caught-up')
    await replayAna.next('caught-up')
    // What he heard live is judged anew: it is Ana's now.
    expect(replayBen.of('message.received')).toEqual([])
    expect(replayBen.of('conversation.hidden')).toHaveLength(1)
    expect(replayAna.of('message.received')).toHaveLength(2)
    expect(replayAna.faults).toEqual([])
  }

  await assignConversation(hub.deps, actor, { conversationId: conversation.id, userId: null, teamId: team })
  await hearsBen!.next('conversation.assigned')
  await hearsAna!.next('conversation.hidden')
  await customerWrites(hub, conversation.id, 'for the team')
  await hearsBen!.next('message.received')
  await hearsBoss!.next('message.received', ({ seq }) => seq === last(hearsBen!))
  expect(hearsAna!.of('message.received')).toHaveLength(2)
  for (const client of [hearsAna!, hearsBen!, hearsBoss!]) expect(client.faults).toEqual([])
})

test('[GW4] an event for one user reaches all of that user and nobody else, in its place', async () => {
  await using hub = await startGatewayHub()
  const ana = await hub.signIn('manager', { sub: 'ana' })
  const ben = await hub.signIn('manager', { sub: 'ben' })
  const [one, two, other] = [ana, ana, ben].map(({ token }) => hub.connect({ token }))
  const { position } = await one!.next('caught-up')
  for (const client of [two!, other!]) await client.next('caught-up')
  await inTenant(hub.deps, hub.tenant.id, (tx) => {
    recordFacts(tx, 1)
    tx.record('channel.removed', { channelId: crypto.randomUUID() }, { kind: 'user', userId: ana.actor.id })
    recordFacts(tx, 1)
    return Promise.resolve()
  })
  const names = (client: TestClient) => client.facts.map((fact) => fact.name)
  const mine = ['consent.changed', 'channel.removed', 'consent.changed']
  await eventually(() => {
    expect(names(one!)).toEqual(mine)
    expect(names(two!)).toEqual(mine)
    expect(names(other!)).toEqual(['consent.changed', 'consent.changed'])
  })
  for (const [token, expected] of [
    [ben.token, mine.filter((name) => name !== 'channel.removed')],
    [ana.token, mine],
    [ben.token, mine.filter((name) => name !== 'channel.removed')],
  ] as const) {
    const back = hub.connect({ token, position })
    await back.next('caught-up')
    expect(names(back)).toEqual(expected)
  }
  for (const client of [one!, two!, other!]) expect(client.faults).toEqual([])
})

test('[GW4] tenants hear nothing of each other', async () => {
  await using hub = await startGatewayHub()
  const other = await hub.addTenant()
  const stranger = hub.connect({ token: hub.token('admin', { tenant: other.slug }) })
  const mine = hub.connect()
  await stranger.next('caught-up')
  await mine.next('caught-up')
  await hub.happen(5)
  await inTenant(hub.deps, other.id, (tx) => Promise.resolve(recordFacts(tx, 1)))
  await stranger.next('consent.changed')
  await eventually(() => expect(mine.seqs.length).toBeGreaterThanOrEqual(5))
  expect(stranger.of('consent.changed')).toHaveLength(1)
})

test('[GW1] a stock client that is cut comes back by itself and misses nothing', async () => {
  await using hub = await startGatewayHub()
  const ana = hub.connect({ reconnection: true })
  await ana.next('caught-up')
  await hub.happen(3)
  await eventually(() => expect(ana.of('consent.changed')).toHaveLength(3))
  ana.socket.io.engine.close()
  await hub.happen(4)
  await ana.next('caught-up')
  await hub.happen(1)
  await eventually(() => expect(ana.of('consent.changed')).toHaveLength(8))
  expect(ana.faults).toEqual([])
})

test('[GW1] what a console holds by its snapshot and the socket equals a fresh snapshot, through cuts, for each role', async () => {
  await using hub = await startGatewayHub({ SOCKET_WATERMARK_MS: '200' })
  const api = await startApi(hub)
  const [ana, boss] = [await hub.signIn('agent', { sub: 'ana' }), await hub.signIn('admin', { sub: 'boss' })]
  const channel = await buildChannel(hub)
  const open = [await buildConversation(hub, channel), await buildConversation(hub, channel)]
  const watchers = [ana, boss].map(({ token, actor }) => ({ token, name: actor.name }))
  const clients = await Promise.all(
    watchers.map(async (watcher) => {
      const state = await takeState(api, watcher)
      const client = hub.connect({
        token: watcher.token,
        position: formatPosition(state.position),
        reconnection: true,
      })
      client.state = state
      return client
    }),
  )
  for (const [round, { id: conversationId }] of open.entries()) {
    for (const client of clients) await client.next('caught-up')
    await customerWrites(hub, conversationId, 'hello?')
    await claimConversation(hub.deps, round === 0 ? ana.actor : boss.actor, { conversationId })
    for (const client of clients) client.socket.io.engine.close()
    await labelConversation(hub.deps, boss.actor, { conversationId, add: [`round-${round}`] })
    await addNote(hub.deps, boss.actor, { conversationId, body: 'mind the gap' })
    await customerWrites(hub, conversationId, 'anybody?')
  }
  const head = await readHead(hub.deps, hub.tenant.id)
  for (const [place, client] of clients.entries()) {
    await eventually(() => expect(client.state.position).toEqual(head))
    await expectSameAsSnapshot(api, watchers[place]!, client.state)
    expect(client.faults).toEqual([])
    expect(client.of('reset')).toEqual([])
  }
})
