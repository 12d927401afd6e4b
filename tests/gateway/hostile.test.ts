import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { buildChannel, buildConversation } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { RawSocket } from '../harness/raw-socket.ts'
import { withTenantOwner } from './owner.ts'
import { type GatewayHub, startGatewayHub } from './setup.ts'

/** `42<id>["conversation.read", …]` padded so that the whole frame has so many bytes. */
const frameOf = (bytes: number) => {
  const [head, tail] = [`421["no.such",{"pad":"`, `"}]`]
  return head + 'x'.repeat(bytes - head.length - tail.length) + tail
}

async function stillServes(hub: GatewayHub): Promise<void> {
  const ana = hub.connect()
  await ana.next('caught-up')
  await hub.happen()
  await ana.next('consent.changed')
  expect(ana.faults).toEqual([])
  ana.close()
}

test('[GW9] a frame of exactly the limit is taken, one byte more closes with 1009', async () => {
  await using hub = await startGatewayHub()
  const fits = await hub.raw().open(hub.token('agent'))
  fits.send(frameOf(64 * 1024))
  expect(await fits.next((text) => text.startsWith('431'))).toContain('unknown_command')
  const beyond = await hub.raw().open(hub.token('agent'))
  beyond.send(frameOf(64 * 1024 + 1))
  expect((await beyond.closed).code).toBe(1009)
  const megabyte = await hub.raw().open(hub.token('agent'))
  megabyte.send(frameOf(1024 * 1024))
  expect((await megabyte.closed).code).toBe(1009)
  const stranger = await hub.raw().open()
  stranger.send(frameOf(1024 * 1024))
  expect((await stranger.closed).code).toBe(1009)
  await stillServes(hub)
})

test('[GW9] S26: packets that are not Socket.IO end the session with bye and nothing else', async () => {
  await using hub = await startGatewayHub()
  const attacks = [
    '4',
    '47',
    '49["x"]',
    '42{"a":1}',
    '42["x"',
    '42',
    '420["x"',
    '42[]',
    '42[1]',
    '42[{"a":1}]',
    '40{"token":"again"}',
    '44{"message":"x"}',
    '450-["x"]',
    '451-["x",{"_placeholder":true,"num":0}]',
    '4511-["x",{"_placeholder":true,"num":10}]',
    '451000000-["x",{"_placeholder":true,"num":0}]',
    '45-["x"]',
    '451-["x",{"_placeholder":true,"num":99}]',
    '42/admin,["x"]',
    '42["connect"]',
    '42["disconnect"]',
    '42["disconnecting"]',
    '42["newListener",{}]',
    '42["error",{}]',
    '43999[1]',
    '43["x"]',
    '5',
    '2probe',
    '9',
    '',
    'x',
    '\u0000',
    '42["conversation.read",{"__proto__":{"polluted":1}}]',
    `42${'['.repeat(20_000)}`,
    '41',
  ]
  for (const attack of attacks) {
    const raw = await hub.raw().open(hub.token('agent', { sub: 'mallory' }))
    raw.send(attack)
    raw.send(Buffer.from([4, 255, 0, 1]))
    raw.send('421["no.such",{}]')
    // Either it is answered in our own words, or the connection ends. Nothing in between, and nobody else suffers.
    await Promise.race([raw.closed, raw.next((text) => text.startsWith('431'))])
    raw.close()
  }
  const spoiled = await hub.raw().open(hub.token('agent'))
  spoiled.send('42["x"')
  expect(await spoiled.next((text) => text.startsWith('42["bye"'))).toContain('frame_invalid')
  await spoiled.closed
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  await eventually(() => expect(hub.gateway.sessions).toBe(0))
  await stillServes(hub)
})

test('[GW9] S26: tiny fragments, frames without mask and broken UTF-8 end the connection, not the process', async () => {
  await using hub = await startGatewayHub()
  const fragments = await hub.raw().open(hub.token('agent'))
  const tcp = (fragments.ws as unknown as { _socket: Socket })._socket
  const fragment = Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0x78])
  tcp.write(Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x34]))
  for (let i = 0; i < 131 && tcp.writable; i++)
    tcp.write(Buffer.concat(Array.from({ length: 1000 }, () => fragment)))
  await fragments.closed
  for (const bytes of [
    [0x81, 0x01, 0x34],
    [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28],
    [0xf1, 0x80, 0, 0, 0, 0],
    [0x83, 0x80, 0, 0, 0, 0],
  ]) {
    const raw = await hub.raw().open(hub.token('agent'))
    ;(raw.ws as unknown as { _socket: Socket })._socket.write(Buffer.from(bytes))
    expect((await raw.closed).code).toBeGreaterThanOrEqual(1002)
  }
  await stillServes(hub)
})

test('[GW9] only WebSocket and only Engine.IO 4: polling, other versions, other namespaces and foreign sids open nothing', async () => {
  await using hub = await startGatewayHub()
  const { port } = hub.gateway
  const get = (query: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${port}/socket.io/?${query}`, init)
  expect((await get('EIO=4&transport=polling')).status).toBe(400)
  expect(
    (
      await get('EIO=4&transport=polling', {
        method: 'POST',
        body: 'x',
        headers: { 'content-type': 'application/octet-stream' },
      })
    ).status,
  ).toBe(400)
  expect((await fetch(`http://127.0.0.1:${port}/socket.io/socket.io.js`)).status).toBe(400)
  for (const query of [
    'EIO=3&transport=websocket',
    'transport=websocket',
    'EIO=4&transport=webtransport',
    'EIO=4&transport=__proto__',
    'EIO=4&transport=websocket&sid=__proto__',
    'EIO=4&transport=websocket&sid=nobody',
    'EIO=4',
  ]) {
    const raw = new RawSocket(port, { query })
    const { code } = await raw.closed
    expect([1005, 1006, 1000], query).toContain(code)
  }
  const other = await hub.raw().open()
  other.send(`40/admin,${JSON.stringify({ token: hub.token('admin') })}`)
  expect(await other.next((text) => text.startsWith('44/admin'))).toContain('Invalid namespace')
  const headers = connect(port, '127.0.0.1')
  headers.on('error', () => {})
  headers.resume()
  headers.write(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(3000)}\r\n`,
  )
  await once(headers, 'close')
  await stillServes(hub)
})

test('[GW9] [GW16] S16: a room cannot be guessed: who may not see a conversation shows nothing in it and hears nothing of it', async () => {
  await using hub = await startGatewayHub()
  const { gateway } = await hub.another()
  const other = await hub.addTenant()
  const { id: conversationId } = await buildConversation(hub, await buildChannel(hub))
  const insider = (sub: string, port?: number) =>
    hub.connect({ token: hub.token('agent', { sub }), ...(port !== undefined && { port }) })
  const [ana, ben] = [insider('ana'), insider('ben', gateway.port)]
  // An admin at home, and nobody here; on the gateway of the one and of the other.
  const mallory = [hub.gateway.port, gateway.port].map((port) =>
    hub.connect({ port, token: hub.token('admin', { sub: 'mallory', tenant: other.slug }) }),
  )
  for (const client of [ana, ben, ...mallory]) await client.next('caught-up')
  expect(await ana.send('conversation.view', { conversationId })).toMatchObject({ ok: true })
  const room = [conversationId, `conversation:${conversationId}`, `${hub.tenant.id}:${conversationId}`]
  for (const client of mallory) {
    for (const id of [conversationId, '01900000-0000-7000-8000-000000000001'])
      for (const [name, input] of [
        ['conversation.view', { conversationId: id }],
        ['typing', { conversationId: id, typing: true }],
      ] as const)
        expect(await client.send(name, input)).toMatchObject({ ok: false, error: { code: 'not_found' } })
    for (const name of ['join', 'subscribe', 'room', 'conversation.join'])
      for (const guess of room)
        expect(await client.send(name, guess)).toMatchObject({
          ok: false,
          error: { code: 'unknown_command' },
        })
  }
  expect(await ben.send('conversation.view', { conversationId })).toMatchObject({ ok: true })
  await ana.next('viewing', ({ name, viewing }) => name !== 'mallory' && viewing === true)
  expect(await ben.send('typing', { conversationId, typing: true })).toMatchObject({ ok: true })
  await ana.next('typing', ({ typing }) => typing === true)
  expect([...ana.of('viewing'), ...ana.of('typing')].length, 'only what Ben did').toBe(2)
  for (const client of mallory) {
    // What was on its way would be here before the answer.
    await client.send('presence.set', { state: 'busy' })
    expect([...client.of('viewing'), ...client.of('typing'), ...client.facts]).toEqual([])
  }
})

test('[GW9] whoever hangs up while its token is looked up leaves nothing behind, and its next socket comes in', async () => {
  await using hub = await startGatewayHub({ SOCKETS_PER_USER: '1' })
  const { token } = await hub.signIn('agent')
  const result = async (name: string) => {
    const connects = await hub.deps.metrics.registry.getSingleMetric('hub_socket_connects_total')?.get()
    return connects?.values.find(({ labels }) => labels['result'] === name)?.value
  }
  await withTenantOwner(hub, async (query) => {
    await query('begin; lock table users')
    const raw = await hub.raw().open()
    raw.send(`40${JSON.stringify({ token })}`)
    await eventually(() =>
      withTenantOwner(hub, async (look) => {
        const { rows } = await look(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        )
        expect(rows).not.toEqual([])
      }),
    )
    raw.close()
    await raw.closed
    // The gateway has seen the end when it takes the next socket off its list of newcomers.
    await (await hub.raw().open()).next((text) => text.startsWith('0'))
    await query('rollback')
  })
  await eventually(async () => expect(await result('gone')).toBe(1))
  expect(hub.gateway.sessions).toBe(0)
  const again = hub.connect({ token })
  await again.next('caught-up')
})
