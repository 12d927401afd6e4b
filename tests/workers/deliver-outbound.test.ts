import { Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import type { Actor } from '../../src/auth/actor.ts'
import type { MessageView } from '../../src/contract/message.ts'
import type { SendMessageInput } from '../../src/contract/socket.ts'
import { readConversation } from '../../src/domain/conversations/read-conversation.ts'
import { findDue, pace } from '../../src/domain/messages/due-messages.ts'
import { adoptEcho } from '../../src/domain/messages/resolve-unknown.ts'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { readEvents } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Environment } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import type { StandInAnswer } from '../harness/provider-stand-in.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'

let hub: Hub
afterEach(() => hub[Symbol.asyncDispose]())

const impatient = {
  SEND_RATE_PER_SECOND: '1000',
  SEND_BURST: '1000',
  SWEEP_MS: '200',
  PROVIDER_TIMEOUT_MS: '1000',
  SEND_LEASE_MS: '3000',
}

async function begin(more: Environment = {}) {
  hub = await startHub({ ...impatient, ...more })
  const number = await connectNumber(hub)
  const { actor } = await hub.signIn('agent')
  const send = (
    conversationId: string,
    text: string,
    rest: Partial<SendMessageInput> = {},
    as: Actor = actor,
  ) =>
    sendMessage(hub.deps, as, {
      conversationId,
      clientMessageId: uuidv7(),
      type: 'text',
      text,
      ...rest,
    } as SendMessageInput & {
      conversationId: string
    })
  const work = () => {
    const workers = startWorkers(hub.deps)
    hub.onClose(() => workers.close())
    return workers
  }
  return { number, send, work, actor }
}

const rows = <Row extends object>(sql: string, values: readonly unknown[] = []) =>
  readTenant(hub.deps, hub.tenant.id, (query) => query<Row>(sql, [hub.tenant.id, ...values]))
const change = (sql: string, values: readonly unknown[] = []) =>
  inTenant(hub.deps, hub.tenant.id, (tx) => tx.query(sql, [hub.tenant.id, ...values]))

interface Stored {
  id: string
  status: string
  error: { code: string; retryable: boolean; title: string } | null
  provider_message_id: string | null
  text: string
}
const stored = () =>
  rows<Stored>(
    'select id, status, error, provider_message_id, text from messages where tenant_id = $1 order by id',
  )
async function settled(message: MessageView): Promise<Stored> {
  return eventually(async () => {
    const found = (await stored()).find(({ id }) => id === message.id)
    if (!found || found.status === 'queued') throw new Error(`still ${found?.status}`)
    return found
  })
}
async function eventsOf(messageId: string): Promise<string[]> {
  const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 0 }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events.filter(({ payload }) => payload.includes(messageId)).map(({ type }) => type)
}

/** A program with a key, whose messages let live chat go first. */
const program = (): Actor => ({
  kind: 'key',
  tenantId: hub.tenant.id,
  id: uuidv7(),
  name: 'n8n',
  role: 'admin',
  scopes: [],
  teamIds: new Set(),
  closedChannelIds: new Set(),
  ratePerMinute: null,
})

describe('delivery', () => {
  test('[OUT3] a queued message goes out once, with our id, and its success is an event', async () => {
    const { number, send, work } = await begin()
    work()
    const { id, phone } = await number.conversation()
    const { message } = await send(id, 'hello')
    const row = await settled(message)
    expect(row).toMatchObject({ status: 'sent', provider_message_id: `net-1-${message.id}`, error: null })
    expect(number.arrived).toEqual([
      expect.objectContaining({ ref: message.id, to: phone, type: 'text', text: 'hello' }),
    ])
    expect(await eventsOf(message.id)).toEqual(['message.queued', 'message.sent'])
    const attempts = await rows('select number, state from send_attempts where tenant_id = $1')
    expect(attempts).toEqual([{ number: 1, state: 'accepted' }])
  })

  test('[OUT3] an attempt is committed before the network is called', async () => {
    const { number, send, work } = await begin()
    let seen: unknown
    number.answer(async () => {
      seen = await rows('select state from send_attempts where tenant_id = $1')
      return undefined
    })
    work()
    const { id } = await number.conversation()
    await settled((await send(id, 'hello')).message)
    expect(seen).toEqual([{ state: 'started' }])
  })

  test('[OUT3] messages of a conversation arrive in their order under 20 parallel sends, whatever the network does', async () => {
    const { number, send, work } = await begin({ SEND_BREAKER_FAILURES: '1000' })
    const random = seededRandom(stormSeed('order'))
    number.answer(async () => {
      await new Promise((resolve) => setTimeout(resolve, random() * 30))
      const draw = random()
      if (draw < 0.15) return { status: 503, text: 'no' }
      if (draw < 0.3) return { status: 429, headers: { 'retry-after': '0.02' } }
      return undefined
    })
    work()
    const conversations = await Promise.all(Array.from({ length: 4 }, () => number.conversation()))
    await Promise.all(
      Array.from({ length: 20 }, (_, place) =>
        send(conversations[place % 4]?.id ?? '', `${Math.floor(place / 4)}`),
      ),
    )
    const all = await eventually(async () => {
      const found = await stored()
      expect(found.filter(({ status }) => status === 'queued')).toEqual([])
      return found
    }, 25_000)
    const sent = all.filter(({ status }) => status === 'sent').map(({ id }) => id)
    expect(number.accepted.map(({ ref }) => ref).sort()).toEqual(sent.sort())
    for (const { phone } of conversations) {
      const texts = number.accepted.filter(({ to }) => to === phone).map(({ text }) => text)
      expect(texts).toEqual(texts.toSorted((one, other) => Number(one) - Number(other)))
    }
    expect(number.doubles()).toEqual([])
  })

  test('live chat goes before what a program sends', async () => {
    const { number, send, work } = await begin()
    const bulk = await Promise.all(Array.from({ length: 5 }, () => number.conversation()))
    for (const { id } of bulk) await send(id, 'bulk', {}, program())
    const { id } = await number.conversation()
    const { message } = await send(id, 'live')
    work()
    await settled(message)
    await eventually(() => expect(number.accepted).toHaveLength(6))
    expect(number.arrived[0]).toMatchObject({ ref: message.id })
  })

  test('calls that hang leave the reserved share of a number to live chat, and one more bulk message none of it', async () => {
    const { number, send, work } = await begin({ SEND_CONCURRENCY: '4', SEND_RESERVED_PERCENT: '25' })
    number.answer(({ text }) => (text === 'bulk' ? { fault: 'stall' } : undefined))
    const bulk = await Promise.all(Array.from({ length: 4 }, () => number.conversation()))
    for (const { id } of bulk) await send(id, 'bulk', {}, program())
    work()
    await eventually(() => expect(number.arrived).toHaveLength(3))
    const { id } = await number.conversation()
    await settled((await send(id, 'live')).message)
    expect(number.arrived.map(({ text }) => text)).toEqual(['bulk', 'bulk', 'bulk', 'live'])
  })

  test('a reaction shows on its target when the network took it, in the place of an older one of ours', async () => {
    const { number, send, work } = await begin()
    work()
    const { id } = await number.conversation()
    const { message } = await send(id, 'hello')
    await settled(message)
    for (const emoji of ['👍', '❤️']) {
      const reaction = await send(id, '', {
        type: 'reaction',
        reaction: { messageId: message.id, emoji },
        text: undefined as never,
      })
      await settled(reaction.message)
    }
    const [row] = await rows<{ reactions: unknown }>(
      'select reactions from messages where tenant_id = $1 and id = $2',
      [message.id],
    )
    expect(row?.reactions).toMatchObject([{ emoji: '❤️', by: { kind: 'agent' } }])
    expect(await eventsOf(message.id)).toContain('message.reacted')
    expect(number.accepted[1]).toMatchObject({
      payload: { emoji: '👍', targetProviderMessageId: `net-1-${message.id}` },
    })
  })
})

describe('what networks do', () => {
  test('[H1] a number that is too fast waits as it was told, another number and another tenant do not', async () => {
    const { number, send, work } = await begin()
    const other = await connectNumber(hub)
    const neighbour = await hub.addTenant()
    const theirs = await connectNumber(hub, { tenant: neighbour.id })
    const { actor: stranger } = await hub.signIn('agent', { tenant: neighbour.slug })
    let busy = true
    number.answer(() => (busy ? { status: 429, headers: { 'retry-after': '1' } } : undefined))
    work()
    const [slow, fast] = [await number.conversation(), await other.conversation()]
    const waiting = await send(slow.id, 'waits')
    await eventually(() => expect(number.arrived).toHaveLength(1))
    busy = false
    const started = performance.now()
    const through = await send(fast.id, 'goes')
    await send((await theirs.conversation()).id, 'goes too', {}, stranger)
    expect((await settled(through.message)).status).toBe('sent')
    await eventually(() => expect(theirs.accepted).toHaveLength(1))
    expect(performance.now() - started).toBeLessThan(700)
    expect(await settled(waiting.message)).toMatchObject({ status: 'sent' })
    expect(number.arrived).toHaveLength(2)
    expect(performance.now() - started).toBeGreaterThan(500)
  })

  test('[H1] after a pause one message tries alone before the others follow', async () => {
    const { number, send, work } = await begin()
    number.answer(() =>
      number.arrived.length <= 2 ? { status: 429, headers: { 'retry-after': '0.2' } } : undefined,
    )
    const conversations = await Promise.all(Array.from({ length: 6 }, () => number.conversation()))
    const { message } = await send(conversations[0]?.id ?? '', 'first')
    work()
    await eventually(() => expect(number.arrived).toHaveLength(1))
    await Promise.all(conversations.slice(1).map(({ id }) => send(id, 'more')))
    await eventually(() => expect(number.arrived).toHaveLength(2))
    expect(number.arrived[1]).toMatchObject({ ref: message.id })
    await eventually(() => expect(number.accepted).toHaveLength(6))
    const [lane] = await rows<{ pauses: number }>('select pauses from channel_lanes where tenant_id = $1')
    expect(lane).toEqual({ pauses: 0 })
  })

  test('[H2] errors, resets, stalls and junk: no message twice, none lost, the open ones unknown', async () => {
    const { number, send, work } = await begin({ SEND_BREAKER_FAILURES: '1000', PROVIDER_TIMEOUT_MS: '300' })
    const faults: (StandInAnswer | undefined)[] = [
      { status: 503, text: '<h1>no</h1>' },
      { fault: 'reset' },
      { fault: 'stall' },
      { status: 200, text: 'junk' },
      { status: 400, json: { code: 'bad', title: 'Not like this' } },
    ]
    number.answer(() => faults[number.arrived.length % 15])
    work()
    const conversations = await Promise.all(Array.from({ length: 10 }, () => number.conversation()))
    await Promise.all(
      Array.from({ length: 60 }, (_, place) => send(conversations[place % 10]?.id ?? '', `${place}`)),
    )
    const all = await eventually(async () => {
      const found = await stored()
      expect(found.filter(({ status }) => status === 'queued')).toEqual([])
      return found
    }, 25_000)
    expect(number.arrived).toHaveLength(60)
    expect(number.doubles()).toEqual([])
    const accepted = new Set(number.accepted.map(({ ref }) => ref))
    for (const { id, status } of all) expect(status === 'sent').toBe(accepted.has(id))
    const count = (wanted: string) => all.filter(({ status }) => status === wanted).length
    expect([count('sent'), count('unknown'), count('failed')]).toEqual([40, 16, 4])
  })

  test('[H2] after SEND_BREAKER_FAILURES calls without a clear answer the number pauses', async () => {
    const { number, send, work } = await begin({
      SEND_BREAKER_FAILURES: '3',
      SEND_BREAKER_MS: '60000',
      SEND_CONCURRENCY: '1',
    })
    number.answer(() => ({ status: 502, text: 'bad gateway' }))
    const conversations = await Promise.all(Array.from({ length: 6 }, () => number.conversation()))
    for (const { id } of conversations) await send(id, 'hello')
    work()
    await eventually(async () => {
      const [lane] = await rows<{ pauses: number; paused: boolean }>(
        'select pauses, paused_until > now() as paused from channel_lanes where tenant_id = $1',
      )
      expect(lane).toEqual({ pauses: 1, paused: true })
    })
    expect((await stored()).map(({ status }) => status)).toEqual([
      'unknown',
      'unknown',
      'unknown',
      'queued',
      'queued',
      'queued',
    ])
    expect(number.arrived).toHaveLength(3)
  })

  test('[H2] [J5] a message is tried SEND_ATTEMPTS times and no more, and does not hold up the next one for ever', async () => {
    const { number, send, work } = await begin({ SEND_ATTEMPTS: '2' })
    // An upload that breaks off is certain not to have sent anything, so it is tried again.
    number.server.always({ method: 'POST', path: '/files', answer: { status: 503 } })
    const { id } = await number.conversation()
    const media = { id: await storeFile({ withBytes: true }) }
    const { message } = await send(id, '', { type: 'image', text: undefined as never, media })
    const next = await send(id, 'after it')
    work()
    expect(await settled(message)).toMatchObject({ status: 'failed', error: { retryable: true } })
    expect(await settled(next.message)).toMatchObject({ status: 'sent' })
    const attempts = await rows(
      'select number, state from send_attempts where tenant_id = $1 and message_id = $2 order by number',
      [message.id],
    )
    expect(attempts).toEqual([
      { number: 1, state: 'later' },
      { number: 2, state: 'later' },
    ])
    expect(number.arrived).toHaveLength(1)
  })

  test('[J5] a file that is gone fails its message with the reason; the next one goes', async () => {
    const { number, send, work } = await begin()
    const { id } = await number.conversation()
    const media = { id: await storeFile({ withBytes: false }) }
    const { message } = await send(id, '', { type: 'image', text: undefined as never, media })
    const next = await send(id, 'after it')
    work()
    expect(await settled(message)).toMatchObject({ status: 'failed', error: { code: 'not_found' } })
    expect((await settled(next.message)).status).toBe('sent')
  })

  test('a file is streamed from the store to the network before its message', async () => {
    const { number, send, work } = await begin()
    const files: string[] = []
    number.server.always({
      method: 'POST',
      path: '/files',
      answer: (request) => {
        files.push(request.body.toString())
        return { status: 201, json: { id: 'file-1' } }
      },
    })
    const { id } = await number.conversation()
    work()
    const media = { id: await storeFile({ withBytes: true }), caption: 'look' }
    const { message } = await send(id, '', { type: 'image', text: undefined as never, media })
    expect((await settled(message)).status).toBe('sent')
    expect(files).toEqual(['the bytes'])
    expect(number.accepted[0]).toMatchObject({ text: 'look', file: 'file-1' })
  })

  test('[OUT8] [H3] a revoked token stops the number after one try: one message fails, the queue stays', async () => {
    const { number, send, work } = await begin({ SEND_CONCURRENCY: '4' })
    number.answer(() => ({ status: 401, json: { code: '190', title: 'The token was revoked' } }))
    const conversations = await Promise.all(Array.from({ length: 8 }, () => number.conversation()))
    const sent = []
    for (const { id } of conversations) sent.push((await send(id, 'hello')).message)
    work()
    await eventually(async () => {
      const [channel] = await rows<{ stopped_reason: string | null }>(
        'select stopped_reason from channels where tenant_id = $1',
      )
      expect(channel?.stopped_reason).toBe('The token was revoked (190)')
    })
    await eventually(async () =>
      expect(await rows(`select 1 from send_attempts where tenant_id = $1 and state = 'started'`)).toEqual(
        [],
      ),
    )
    const statuses = (await stored()).map(({ status }) => status)
    expect(statuses.filter((status) => status === 'failed')).toHaveLength(1)
    expect(statuses.filter((status) => status === 'queued')).toHaveLength(7)
    expect(number.arrived.length).toBeLessThanOrEqual(4)
    number.answer(() => undefined)
    await change('update channels set stopped_reason = null where tenant_id = $1')
    await eventually(async () =>
      expect((await stored()).filter(({ status }) => status === 'sent')).toHaveLength(7),
    )
  })

  test('[H5] [OUT5] what became impossible while it waited fails with the reason and is not tried', async () => {
    const { number, send, work } = await begin()
    const [closed, blocked, old, fine] = await Promise.all(
      Array.from({ length: 4 }, () => number.conversation()),
    )
    const ids = [closed, blocked, old, fine].map((one) => one?.id ?? '')
    const [a, b, c, d] = await Promise.all(ids.map((id) => send(id, 'hello')))
    await change(
      `update conversations set window_expires_at = now() - interval '1 second' where tenant_id = $1 and id = $2`,
      [ids[0]],
    )
    await change('update contacts set blocked = true where tenant_id = $1 and id = $2', [blocked?.contactId])
    await change(
      `update messages set created_at = now() - interval '25 hours' where tenant_id = $1 and id = $2`,
      [c?.message.id],
    )
    work()
    for (const [sent, code] of [
      [a, 'window_closed'],
      [b, 'contact_blocked'],
      [c, 'send_expired'],
    ] as const)
      expect(await settled(sent?.message as MessageView)).toMatchObject({ status: 'failed', error: { code } })
    expect((await settled(d?.message as MessageView)).status).toBe('sent')
    expect(number.arrived).toHaveLength(1)
    expect(await eventsOf(a?.message.id ?? '')).toEqual(['message.queued', 'message.failed'])
  })

  test('a message that waited for SEND_EXPIRES_HOURS fails even while its number is stopped; a younger one waits', async () => {
    const { number, send, work } = await begin()
    const [one, two] = [await number.conversation(), await number.conversation()]
    const [old, young] = [await send(one.id, 'old'), await send(two.id, 'young')]
    await change(
      `update messages set created_at = now() - interval '24 hours 1 second' where tenant_id = $1 and id = $2`,
      [old.message.id],
    )
    await change(
      `update messages set created_at = now() - interval '23 hours 59 minutes' where tenant_id = $1 and id = $2`,
      [young.message.id],
    )
    await change(`update channels set stopped_reason = 'by hand' where tenant_id = $1`)
    work()
    expect(await settled(old.message)).toMatchObject({ status: 'failed', error: { code: 'send_expired' } })
    expect((await stored()).map(({ status }) => status).sort()).toEqual(['failed', 'queued'])
    expect(number.arrived).toEqual([])
  })
})

test('[A6] [OUT6] an outcome of an attempt that somebody else has ended changes nothing and is counted', async () => {
  const { number, send, work } = await begin()
  number.answer(async () => {
    await change(`update send_attempts set state = 'unknown' where tenant_id = $1`)
    return undefined
  })
  work()
  const { id } = await number.conversation()
  const { message } = await send(id, 'hello')
  await eventually(async () => {
    const { values } = await hub.deps.metrics.sendsFenced.get()
    expect(values).toMatchObject([{ value: 1 }])
  })
  expect((await stored()).find((row) => row.id === message.id)).toMatchObject({
    status: 'queued',
    provider_message_id: null,
  })
})

describe('[OUT7] an unknown message', () => {
  const echoOf = (conversationId: string, text: string, providerMessageId: string) =>
    inTenant(hub.deps, hub.tenant.id, (tx) =>
      adoptEcho(tx, { conversationId, providerMessageId, type: 'text', text, at: new Date() }),
    )

  test('is settled by its echo; an echo of something else is not taken for it', async () => {
    const { number, send, work } = await begin()
    number.answer(() => ({ fault: 'reset' }))
    work()
    const { id } = await number.conversation()
    const { message } = await send(id, 'hello')
    expect((await settled(message)).status).toBe('unknown')
    expect(await echoOf(id, 'something else', 'net-x')).toBe(null)
    expect(await echoOf((await number.conversation()).id, 'hello', 'net-x')).toBe(null)
    expect(await echoOf(id, 'hello', 'net-9')).toBe(message.id)
    expect(await settled(message)).toMatchObject({
      status: 'sent',
      provider_message_id: 'net-9',
      error: null,
    })
    expect(await eventsOf(message.id)).toEqual(['message.queued', 'message.unknown', 'message.sent'])
    expect(await echoOf(id, 'hello', 'net-10'), 'it was settled').toBe(null)
  })

  test('an echo that is faster than the answer gives the message its id, and the answer changes nothing', async () => {
    const { number, send, work } = await begin()
    const { id } = await number.conversation()
    let adopted: string | null = null
    number.answer(async ({ ref }) => {
      adopted = await echoOf(id, 'hello', `net-1-${ref}`)
      return undefined
    })
    work()
    const { message } = await send(id, 'hello')
    await eventually(async () =>
      expect(
        await rows(`select 1 from send_attempts where state = 'accepted' and tenant_id = $1`),
      ).toHaveLength(1),
    )
    expect(adopted).toBe(message.id)
    expect(await settled(message)).toMatchObject({
      status: 'sent',
      provider_message_id: `net-1-${message.id}`,
    })
    expect(await eventsOf(message.id)).toEqual(['message.queued', 'message.sent'])
  })
})

test('the customer learns what an agent has read, up to there and no further', async () => {
  const { number, work, actor } = await begin()
  const reads: unknown[] = []
  number.server.always({
    method: 'POST',
    path: '/reads',
    answer: (request) => {
      reads.push(request.json)
      return { status: 200, json: {} }
    },
  })
  work()
  const { id } = await number.conversation()
  for (const seq of [1, 2, 3])
    await change(
      `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, status, provider_message_id, sent_at)
       values ($1, $2, $3, $4, $5, 'in', 'contact', 'text', 'hi', 'received', $6, now())`,
      [uuidv7(), id, number.channelId, seq, `in-${seq}`],
    )
  await change('update conversations set last_seq = 3, unread_count = 3 where tenant_id = $1 and id = $2', [
    id,
  ])
  await eventually(() => expect(hub.deps.redis.status).toBe('ready'))
  await readConversation(hub.deps, actor, { conversationId: id, seq: 2 })
  await eventually(() =>
    expect(reads).toEqual([expect.objectContaining({ messageId: 'in-2', typing: false })]),
  )
})

describe('pace', () => {
  test('a number sends its burst at once and then SEND_RATE_PER_SECOND', async () => {
    const { number, send, work } = await begin({ SEND_RATE_PER_SECOND: '20', SEND_BURST: '5' })
    await change(`update channel_lanes set tokens = 5, tokens_at = now() where tenant_id = $1`)
    const times: number[] = []
    number.answer(() => {
      times.push(performance.now())
      return undefined
    })
    const conversations = await Promise.all(Array.from({ length: 15 }, () => number.conversation()))
    for (const { id } of conversations) await send(id, 'hello')
    await change(`update channel_lanes set tokens = 5, tokens_at = now() where tenant_id = $1`)
    work()
    await eventually(() => expect(times).toHaveLength(15))
    const [first = 0] = times
    expect((times.at(-1) ?? 0) - first, 'ten messages after the burst at 20 a second').toBeGreaterThan(400)
    expect(times.filter((time) => time - first < 40).length).toBeLessThanOrEqual(7)
  })

  test('with SEND_PAIR_INTERVAL_MS a customer gets SEND_PAIR_BURST messages at once and not one more', async () => {
    const { number, send, work } = await begin({ SEND_PAIR_INTERVAL_MS: '20000', SEND_PAIR_BURST: '3' })
    work()
    const [one, two] = [await number.conversation(), await number.conversation()]
    for (let count = 0; count < 5; count++) await send(one.id, `${count}`)
    await eventually(() => expect(number.accepted).toHaveLength(3))
    const { message } = await send(two.id, 'another customer')
    expect((await settled(message)).status).toBe('sent')
    expect(number.arrived.filter(({ to }) => to === one.phone)).toHaveLength(3)
  })

  test('nobody waits for a pair on a network that does not count them', async () => {
    const { number, send, work } = await begin({ SEND_PAIR_INTERVAL_MS: '20000', SEND_PAIR_BURST: '3' })
    work()
    const { id } = await number.conversation()
    const sent = [await send(id, '0'), await send(id, '1'), await send(id, '2')]
    for (const { message } of sent) expect((await settled(message)).status).toBe('sent')
    await send(id, '3')
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query('update messages set next_attempt_at = null where tenant_id = $1', [tx.tenantId])
      const found = await findDue(hub.deps.config, tx, number.channelId, 10)
      expect(found).toHaveLength(1)
      expect(await pace(hub.deps.config, tx, 'evolution', found)).toEqual(found)
      expect(await pace(hub.deps.config, tx, 'whatsapp-cloud', found)).toEqual([])
    })
  })
})

test('what a pair had to wait for goes by itself, in its order, never more than SEND_PAIR_BURST in as many intervals', async () => {
  const { number, send, work } = await begin({ SEND_PAIR_INTERVAL_MS: '200', SEND_PAIR_BURST: '3' })
  const times: number[] = []
  number.answer(() => {
    times.push(performance.now())
    return undefined
  })
  const { id } = await number.conversation()
  for (let count = 0; count < 7; count++) await send(id, `${count}`)
  work()
  await eventually(() => expect(number.accepted).toHaveLength(7))
  expect(number.accepted.map(({ text }) => text)).toEqual(['0', '1', '2', '3', '4', '5', '6'])
  // From commit to commit it is 600 ms; a call may be later than its own.
  for (const [at, time] of times.slice(3).entries()) expect(time - (times[at] ?? 0)).toBeGreaterThan(300)
})

/** A stored file, with or without its object in the store. */
async function storeFile({ withBytes }: { withBytes: boolean }): Promise<string> {
  const id = uuidv7()
  await hub.deps.storage.ready()
  if (withBytes)
    await hub.deps.storage.put(`test/${id}`, Readable.from([Buffer.from('the bytes')]), 'image/png')
  await change(
    `insert into attachments (tenant_id, id, direction, state, mime_type, size_bytes, object_key) values ($1, $2, 'out', 'stored', 'image/png', 9, $3)`,
    [id, `test/${id}`],
  )
  return id
}
