import { expect, test } from 'vitest'
import { commandHandlers } from '../../src/command-handlers.ts'
import { commands } from '../../src/contract/socket.ts'
import { Failure } from '../../src/contract/errors.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel, buildConversation, customerWrites } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { echoing, startGatewayHub } from './setup.ts'

const conversationId = '01900000-0000-7000-8000-000000000001'
const read = { conversationId, seq: 1 }

test('[GW13] a command is answered by an ack with what its use case gave', async () => {
  await using hub = await startGatewayHub()
  const ana = hub.connect()
  const { user } = (await ana.next('hello')) as unknown as { user: { id: string } }
  expect(await ana.send('conversation.read', read)).toEqual({
    ok: true,
    data: { command: 'conversation.read', actor: user.id, input: read },
  })
  const send = { conversationId, clientMessageId: 'a', type: 'text', text: 'hi', lastSeenSeq: 4 }
  expect(await ana.send('message.send', send)).toMatchObject({
    ok: true,
    data: { command: 'message.send', input: send },
  })
})

test('[GW13] unknown commands, wrong shapes and failures have their code; nothing is ever left without an answer', async () => {
  await using hub = await startGatewayHub(
    {},
    echoing({
      'conversation.claim': () => Promise.reject(new Failure('already_claimed', { owner: 'x' })),
      'conversation.snooze': () => Promise.reject(new Error('secret detail')),
    }),
  )
  const ana = hub.connect()
  await ana.next('caught-up')
  const code = async (name: string, input: unknown) => {
    const answer = await ana.send(name, input)
    return answer.ok ? 'ok' : answer.error
  }
  for (const name of ['no.such', 'constructor', '__proto__', 'toString', 'error', 'hello', 'reset'])
    expect(await code(name, {}), name).toMatchObject({ code: 'unknown_command', then: 'fix' })
  for (const input of [
    undefined,
    null,
    1,
    'x',
    [],
    {},
    { ...read, more: 1 },
    { conversationId: 'x', seq: 1 },
    Buffer.from('x'),
    { ...read, __proto__: { a: 1 }, constructor: 1 },
  ])
    expect(await code('conversation.read', input)).toMatchObject({
      code: 'validation_failed',
      details: { errors: expect.any(Array) },
    })
  expect(await code('conversation.read', { conversationId, seq: -1 })).toMatchObject({
    details: { errors: [{ pointer: '/seq' }] },
  })
  expect(await code('conversation.claim', { conversationId })).toEqual({
    code: 'already_claimed',
    message: expect.any(String),
    then: 'review',
    details: { owner: 'x' },
  })
  const internal = await code('conversation.snooze', { conversationId, snoozedUntil: '2030-01-01T00:00:00Z' })
  expect(internal).toMatchObject({ code: 'internal', then: 'later' })
  expect(JSON.stringify(internal)).not.toContain('secret')
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  expect(await code('conversation.read', read)).toBe('ok')
})

test('[GW13] a command without an ack function is done all the same', async () => {
  const done: unknown[] = []
  await using hub = await startGatewayHub(
    {},
    echoing({ 'conversation.read': (_deps, _actor, input) => Promise.resolve(done.push(input)) }),
  )
  const ana = hub.connect()
  await ana.next('caught-up')
  ana.socket.emit('conversation.read', read)
  await eventually(() => expect(done).toEqual([read]))
})

test('[GW13] commands of one socket take effect in the order they were sent', async () => {
  const order: number[] = []
  let running = 0
  await using hub = await startGatewayHub(
    {},
    echoing({
      'conversation.read': async (_deps, _actor, { seq }) => {
        running += 1
        expect(running).toBe(1)
        for (let turns = 20 - seq; turns > 0; turns--) await new Promise(setImmediate)
        order.push(seq)
        running -= 1
      },
    }),
  )
  const ana = hub.connect()
  await ana.next('caught-up')
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, seq) => ana.send('conversation.read', { conversationId, seq })),
  )
  expect(answers.every((answer) => answer.ok)).toBe(true)
  expect(order).toEqual(Array.from({ length: 20 }, (_, seq) => seq))
})

test('[GW14] S28: the burst of a socket passes, one more is told to wait, keeping on is shown out', async () => {
  await using hub = await startGatewayHub({ SOCKET_COMMANDS_BURST: '10', SOCKET_COMMANDS_PER_SECOND: '1' })
  const [ana, ben] = [hub.connect({ reconnection: true }), hub.connect({ token: hub.token('agent') })]
  await ana.next('caught-up')
  await ben.next('caught-up')
  const answers = await Promise.all(Array.from({ length: 11 }, () => ana.send('conversation.read', read)))
  expect(answers.map((answer) => answer.ok)).toEqual([...Array(10).fill(true), false])
  expect(answers[10]).toMatchObject({
    error: { code: 'rate_limited', then: 'later', details: { retryAfterMs: expect.any(Number) } },
  })
  for (let i = 0; i < 12; i++) ana.socket.emit('conversation.read', read)
  expect(await ana.next('bye')).toMatchObject({ code: 'too_many_commands', reconnect: true })
  // A stock client comes back by itself.
  await ana.next('caught-up')
  expect(await ben.send('conversation.read', read)).toMatchObject({ ok: true })
})

test('[GW14] all sockets of a user share one rate, all of a tenant another', async () => {
  await using hub = await startGatewayHub({
    SOCKET_COMMANDS_BURST: '10',
    SOCKET_COMMANDS_PER_SECOND: '10',
    SOCKET_USER_COMMANDS_PER_SECOND: '12',
    SOCKET_TENANT_COMMANDS_PER_SECOND: '20',
  })
  const mine = [hub.connect(), hub.connect()]
  const colleague = hub.connect({ token: hub.token('agent') })
  for (const client of [...mine, colleague]) await client.next('caught-up')
  const all = await Promise.all(
    mine.flatMap((client) => Array.from({ length: 10 }, () => client.send('conversation.read', read))),
  )
  const passed = all.filter((answer) => answer.ok).length
  expect(passed).toBeGreaterThanOrEqual(12)
  expect(passed).toBeLessThan(16)
  const rest = await Promise.all(Array.from({ length: 10 }, () => colleague.send('conversation.read', read)))
  const others = rest.filter((answer) => answer.ok).length
  expect(passed + others).toBeGreaterThanOrEqual(20)
  expect(passed + others).toBeLessThan(24)
})

test('[GW13] the real use cases answer: claim, label, note, assign, status, read', async () => {
  await using hub = await startGatewayHub({}, commandHandlers)
  const conversation = await buildConversation(hub, await buildChannel(hub))
  await customerWrites(hub, conversation.id, 'hello?')
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query(`update conversations set window_expires_at = now() + interval '1 hour' where tenant_id = $1`, [
      tx.tenantId,
    ]),
  )
  const ana = hub.connect({ token: hub.token('agent', { sub: 'ana' }) })
  const viewer = hub.connect({ token: hub.token('viewer') })
  const { user } = (await ana.next('hello')) as unknown as { user: { id: string } }
  await viewer.next('caught-up')
  const id = { conversationId: conversation.id }
  expect(await ana.send('conversation.claim', id)).toMatchObject({
    ok: true,
    data: { assignee: { id: user.id } },
  })
  await ana.next('conversation.assigned')
  expect(await viewer.send('conversation.claim', id)).toMatchObject({
    ok: false,
    error: { code: 'forbidden' },
  })
  expect(await ana.send('conversation.label', { ...id, add: ['vip'] })).toMatchObject({
    ok: true,
    data: { labels: ['vip'] },
  })
  expect(await ana.send('note.add', { ...id, body: 'call back' })).toMatchObject({
    ok: true,
    data: { body: 'call back' },
  })
  expect(await ana.send('conversation.read', { ...id, seq: 1 })).toMatchObject({
    ok: true,
    data: { unreadCount: 0 },
  })
  expect(await ana.send('conversation.set-status', { ...id, status: 'pending' })).toMatchObject({
    ok: true,
    data: { status: 'pending' },
  })
  expect(await ana.send('conversation.assign', { ...id, userId: null })).toMatchObject({
    ok: true,
    data: { assignee: null },
  })
  const message = { ...id, clientMessageId: 'k1', type: 'text', text: 'hi there' }
  const sent = await ana.send<{ id: string; status: string }>('message.send', message)
  expect(sent).toMatchObject({ ok: true, data: { status: 'queued', text: 'hi there' } })
  expect(await ana.send('message.send', message)).toEqual(sent)
  expect(await ana.send('conversation.claim', { conversationId })).toMatchObject({
    ok: false,
    error: { code: 'not_found' },
  })
  expect(Object.keys(commandHandlers).toSorted()).toEqual(
    Object.keys(commands)
      .filter((name) => name !== 'session.renew')
      .toSorted(),
  )
  expect(ana.faults).toEqual([])
})
