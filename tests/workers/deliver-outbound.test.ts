import { afterEach, describe, expect, test } from 'vitest'
import type { MessageView } from '../../src/contract/message.ts'
import { readConversation } from '../../src/domain/conversations/read-conversation.ts'
import { adoptEcho } from '../../src/domain/messages/resolve-unknown.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Environment } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { eventually } from '../harness/eventually.ts'
import type { StandInAnswer } from '../harness/provider-stand-in.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { type SendingHub, startSending } from './sending-hub.ts'

let hub: SendingHub
afterEach(() => hub[Symbol.asyncDispose]())
const begin = async (more: Environment = {}) => (hub = await startSending(more))

describe('delivery', () => {
  test('[OUT3] a queued message goes out once, with our id, and its success is an event', async () => {
    const { number, send, work } = await begin()
    work()
    const { id, phone } = await number.conversation()
    const { message } = await send(id, 'hello')
    const row = await hub.settled(message)
    expect(row).toMatchObject({ status: 'sent', provider_message_id: `net-1-${message.id}`, error: null })
    expect(number.arrived).toEqual([
      expect.objectContaining({ ref: message.id, to: phone, type: 'text', text: 'hello' }),
    ])
    expect(await hub.eventsOf(message.id)).toEqual(['message.queued', 'message.sent'])
    const attempts = await hub.rows('select number, state from send_attempts where tenant_id = $1')
    expect(attempts).toEqual([{ number: 1, state: 'accepted' }])
  })

  test('[OUT3] an attempt is committed before the network is called', async () => {
    const { number, send, work } = await begin()
    let seen: unknown
    number.answer(async () => {
      seen = await hub.rows('select state from send_attempts where tenant_id = $1')
      return undefined
    })
    work()
    const { id } = await number.conversation()
    await hub.settled((await send(id, 'hello')).message)
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
      const found = await hub.stored()
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

  test('a reaction shows on its target when the network took it, in the place of an older one of ours', async () => {
    const { number, send, work } = await begin()
    work()
    const { id } = await number.conversation()
    const { message } = await send(id, 'hello')
    await hub.settled(message)
    for (const emoji of ['👍', '❤️']) {
      const reaction = await send(id, '', {
        type: 'reaction',
        reaction: { messageId: message.id, emoji },
        text: undefined as never,
      })
      await hub.settled(reaction.message)
    }
    const [row] = await hub.rows<{ reactions: unknown }>(
      'select reactions from messages where tenant_id = $1 and id = $2',
      [message.id],
    )
    expect(row?.reactions).toMatchObject([{ emoji: '❤️', by: { kind: 'agent' } }])
    expect(await hub.eventsOf(message.id)).toContain('message.reacted')
    expect(number.accepted[1]).toMatchObject({
      payload: { emoji: '👍', targetProviderMessageId: `net-1-${message.id}` },
    })
  })
})

describe('what networks do', () => {
  test('[H2] errors, resets, stalls and junk: no message twice, none lost, the open ones unknown', async () => {
    const { number, send, work } = await begin({ SEND_BREAKER_FAILURES: '1000', PROVIDER_TIMEOUT_MS: '2000' })
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
      const found = await hub.stored()
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

  test('[H2] [J5] a message is tried SEND_ATTEMPTS times and no more, and does not hold up the next one for ever', async () => {
    const { number, send, work } = await begin({ SEND_ATTEMPTS: '2' })
    // An upload that breaks off is certain not to have sent anything, so it is tried again.
    number.server.always({ method: 'POST', path: '/files', answer: { status: 503 } })
    const { id } = await number.conversation()
    const media = { id: await hub.storeFile({ withBytes: true }) }
    const { message } = await send(id, '', { type: 'image', text: undefined as never, media })
    const next = await send(id, 'after it')
    work()
    expect(await hub.settled(message)).toMatchObject({ status: 'failed', error: { retryable: true } })
    expect(await hub.settled(next.message)).toMatchObject({ status: 'sent' })
    const attempts = await hub.rows(
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
    const media = { id: await hub.storeFile({ withBytes: false }) }
    const { message } = await send(id, '', { type: 'image', text: undefined as never, media })
    const next = await send(id, 'after it')
    work()
    expect(await hub.settled(message)).toMatchObject({ status: 'failed', error: { code: 'not_found' } })
    expect((await hub.settled(next.message)).status).toBe('sent')
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
    const media = { id: await hub.storeFile({ withBytes: true }), caption: 'look' }
    const { message } = await send(id, '', { type: 'image', text: undefined as never, media })
    expect((await hub.settled(message)).status).toBe('sent')
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
      const [channel] = await hub.rows<{ stopped_reason: string | null }>(
        'select stopped_reason from channels where tenant_id = $1',
      )
      expect(channel?.stopped_reason).toBe('The token was revoked (190)')
    })
    await eventually(async () =>
      expect(
        await hub.rows(`select 1 from send_attempts where tenant_id = $1 and state = 'started'`),
      ).toEqual([]),
    )
    const statuses = (await hub.stored()).map(({ status }) => status)
    expect(statuses.filter((status) => status === 'failed')).toHaveLength(1)
    expect(statuses.filter((status) => status === 'queued')).toHaveLength(7)
    expect(number.arrived.length).toBeLessThanOrEqual(4)
    number.answer(() => undefined)
    await hub.change('update channels set stopped_reason = null where tenant_id = $1')
    await eventually(async () =>
      expect((await hub.stored()).filter(({ status }) => status === 'sent')).toHaveLength(7),
    )
  })

  test('[H5] [OUT5] what became impossible while it waited fails with the reason and is not tried', async () => {
    const { number, send, work } = await begin()
    const [closed, blocked, old, fine] = await Promise.all(
      Array.from({ length: 4 }, () => number.conversation()),
    )
    const ids = [closed, blocked, old, fine].map((one) => one?.id ?? '')
    const [a, b, c, d] = await Promise.all(ids.map((id) => send(id, 'hello')))
    await hub.change(
      `update conversations set window_expires_at = now() - interval '1 second' where tenant_id = $1 and id = $2`,
      [ids[0]],
    )
    await hub.change('update contacts set blocked = true where tenant_id = $1 and id = $2', [
      blocked?.contactId,
    ])
    await hub.change(
      `update messages set created_at = now() - interval '25 hours' where tenant_id = $1 and id = $2`,
      [c?.message.id],
    )
    work()
    for (const [sent, code] of [
      [a, 'window_closed'],
      [b, 'contact_blocked'],
      [c, 'send_expired'],
    ] as const)
      expect(await hub.settled(sent?.message as MessageView)).toMatchObject({
        status: 'failed',
        error: { code },
      })
    expect((await hub.settled(d?.message as MessageView)).status).toBe('sent')
    expect(number.arrived).toHaveLength(1)
    expect(await hub.eventsOf(a?.message.id ?? '')).toEqual(['message.queued', 'message.failed'])
  })

  test('a message that waited for SEND_EXPIRES_HOURS fails even while its number is stopped; a younger one waits', async () => {
    const { number, send, work } = await begin()
    const [one, two] = [await number.conversation(), await number.conversation()]
    const [old, young] = [await send(one.id, 'old'), await send(two.id, 'young')]
    await hub.change(
      `update messages set created_at = now() - interval '24 hours 1 second' where tenant_id = $1 and id = $2`,
      [old.message.id],
    )
    await hub.change(
      `update messages set created_at = now() - interval '23 hours 59 minutes' where tenant_id = $1 and id = $2`,
      [young.message.id],
    )
    await hub.change(`update channels set stopped_reason = 'by hand' where tenant_id = $1`)
    work()
    expect(await hub.settled(old.message)).toMatchObject({
      status: 'failed',
      error: { code: 'send_expired' },
    })
    expect((await hub.stored()).map(({ status }) => status).sort()).toEqual(['failed', 'queued'])
    expect(number.arrived).toEqual([])
  })
})

test('[A6] [OUT6] an outcome of an attempt that somebody else has ended changes nothing and is counted', async () => {
  const { number, send, work } = await begin()
  number.answer(async () => {
    await hub.change(`update send_attempts set state = 'unknown' where tenant_id = $1`)
    return undefined
  })
  work()
  const { id } = await number.conversation()
  const { message } = await send(id, 'hello')
  await eventually(async () => {
    const { values } = await hub.deps.metrics.sendsFenced.get()
    expect(values).toMatchObject([{ value: 1 }])
  })
  expect((await hub.stored()).find((row) => row.id === message.id)).toMatchObject({
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
    expect((await hub.settled(message)).status).toBe('unknown')
    expect(await echoOf(id, 'something else', 'net-x')).toBe(null)
    expect(await echoOf((await number.conversation()).id, 'hello', 'net-x')).toBe(null)
    expect(await echoOf(id, 'hello', 'net-9')).toBe(message.id)
    expect(await hub.settled(message)).toMatchObject({
      status: 'sent',
      provider_message_id: 'net-9',
      error: null,
    })
    expect(await hub.eventsOf(message.id)).toEqual(['message.queued', 'message.unknown', 'message.sent'])
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
        await hub.rows(`select 1 from send_attempts where state = 'accepted' and tenant_id = $1`),
      ).toHaveLength(1),
    )
    expect(adopted).toBe(message.id)
    expect(await hub.settled(message)).toMatchObject({
      status: 'sent',
      provider_message_id: `net-1-${message.id}`,
    })
    expect(await hub.eventsOf(message.id)).toEqual(['message.queued', 'message.sent'])
  })
})

test('[OUT12] the customer learns what an agent has read, up to there and no further', async () => {
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
    await hub.change(
      `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, status, provider_message_id, sent_at)
       values ($1, $2, $3, $4, $5, 'in', 'contact', 'text', 'hi', 'received', $6, now())`,
      [uuidv7(), id, number.channelId, seq, `in-${seq}`],
    )
  await hub.change(
    'update conversations set last_seq = 3, unread_count = 3 where tenant_id = $1 and id = $2',
    [id],
  )
  await eventually(() => expect(hub.deps.redis.status).toBe('ready'))
  await readConversation(hub.deps, actor, { conversationId: id, seq: 2 })
  await eventually(() =>
    expect(reads).toEqual([expect.objectContaining({ messageId: 'in-2', typing: false })]),
  )
})
