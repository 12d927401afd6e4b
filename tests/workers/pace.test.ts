import { afterEach, describe, expect, test } from 'vitest'
import { findDue, pace } from '../../src/domain/messages/due-messages.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Environment } from '../../src/platform/config.ts'
import { eventually } from '../harness/eventually.ts'
import { connectNumber } from '../harness/number.ts'
import { type SendingHub, startSending } from './sending-hub.ts'

let hub: SendingHub
afterEach(() => hub[Symbol.asyncDispose]())
const begin = async (more: Environment = {}) => (hub = await startSending(more))

describe('[OUT10] live chat', () => {
  test('live chat goes before what a program sends', async () => {
    const { number, send, work } = await begin()
    const bulk = await Promise.all(Array.from({ length: 5 }, () => number.conversation()))
    for (const { id } of bulk) await send(id, 'bulk', {}, hub.program())
    const { id } = await number.conversation()
    const { message } = await send(id, 'live')
    work()
    await hub.settled(message)
    await eventually(() => expect(number.accepted).toHaveLength(6))
    expect(number.arrived[0]).toMatchObject({ ref: message.id })
  })

  test('calls that hang leave the reserved share of a number to live chat, and one more bulk message none of it', async () => {
    const { number, send, work } = await begin({
      SEND_CONCURRENCY: '4',
      SEND_RESERVED_PERCENT: '25',
      PROVIDER_TIMEOUT_MS: '25000',
      SEND_LEASE_MS: '60000',
    })
    const over = Promise.withResolvers<undefined>()
    number.answer(({ text }) => (text === 'bulk' ? over.promise : undefined))
    const bulk = await Promise.all(Array.from({ length: 4 }, () => number.conversation()))
    for (const { id } of bulk) await send(id, 'bulk', {}, hub.program())
    work()
    await eventually(() => expect(number.arrived).toHaveLength(3))
    const { id } = await number.conversation()
    await hub.settled((await send(id, 'live')).message)
    expect(number.arrived.map(({ text }) => text)).toEqual(['bulk', 'bulk', 'bulk', 'live'])
    over.resolve(undefined)
  })
})

describe('[OUT10] pauses', () => {
  test('[H1] a number that is too fast waits as it was told, another number and another tenant do not', async () => {
    const { number, send, work } = await begin()
    const other = await connectNumber(hub)
    const neighbour = await hub.addTenant()
    const theirs = await connectNumber(hub, { tenant: neighbour.id })
    const { actor: stranger } = await hub.signIn('agent', { tenant: neighbour.slug })
    let busy = true
    number.answer(() => (busy ? { status: 429, headers: { 'retry-after': '60' } } : undefined))
    work()
    const [slow, fast] = [await number.conversation(), await other.conversation()]
    const waiting = await send(slow.id, 'waits')
    const wait = () =>
      hub.rows<{ seconds: number }>(
        `select extract(epoch from l.paused_until - a.started_at)::float8 as seconds from channel_lanes l
         join send_attempts a on a.tenant_id = l.tenant_id and a.channel_id = l.channel_id
         where l.tenant_id = $1 and l.paused_until > clock_timestamp()`,
      )
    await eventually(async () => expect(await wait()).toHaveLength(1))
    expect((await wait())[0]?.seconds).toBeGreaterThanOrEqual(60)
    busy = false
    const through = await send(fast.id, 'goes')
    await send((await theirs.conversation()).id, 'goes too', {}, stranger)
    expect((await hub.settled(through.message)).status).toBe('sent')
    await eventually(() => expect(theirs.accepted).toHaveLength(1))
    expect(number.arrived).toHaveLength(1)
    // As if the time had passed.
    await hub.change('update channel_lanes set paused_until = clock_timestamp() where tenant_id = $1')
    await hub.change('update messages set next_attempt_at = null where tenant_id = $1')
    expect(await hub.settled(waiting.message)).toMatchObject({ status: 'sent' })
    expect(number.arrived).toHaveLength(2)
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
    const [lane] = await hub.rows<{ pauses: number }>('select pauses from channel_lanes where tenant_id = $1')
    expect(lane).toEqual({ pauses: 0 })
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
      const [lane] = await hub.rows<{ pauses: number; paused: boolean }>(
        'select pauses, paused_until > now() as paused from channel_lanes where tenant_id = $1',
      )
      expect(lane).toEqual({ pauses: 1, paused: true })
    })
    expect((await hub.stored()).map(({ status }) => status)).toEqual([
      'unknown',
      'unknown',
      'unknown',
      'queued',
      'queued',
      'queued',
    ])
    expect(number.arrived).toHaveLength(3)
  })
})

describe('[OUT10] pace', () => {
  /** When each message was begun, in milliseconds since the first, by the clock that paces them. */
  const begun = async (): Promise<number[]> => {
    const times = await hub.rows<{ ms: number }>(
      `select extract(epoch from started_at - min(started_at) over ())::float8 * 1000 as ms from send_attempts
       where tenant_id = $1 order by started_at`,
    )
    return times.map(({ ms }) => ms)
  }

  test('a number sends its burst at once and then SEND_RATE_PER_SECOND', async () => {
    const { number, send, work } = await begin({ SEND_RATE_PER_SECOND: '20', SEND_BURST: '5' })
    const conversations = await Promise.all(Array.from({ length: 15 }, () => number.conversation()))
    for (const { id } of conversations) await send(id, 'hello')
    await hub.change(`update channel_lanes set tokens = 5, tokens_at = now() where tenant_id = $1`)
    work()
    await eventually(() => expect(number.arrived).toHaveLength(15))
    // Nothing is said of how late one may be: on a busy machine it is.
    for (const [at, ms] of (await begun()).entries())
      expect(ms, `message ${at + 1} of 15`).toBeGreaterThanOrEqual((at - 4) * 50 - 1)
  })

  test('with SEND_PAIR_INTERVAL_MS a customer gets SEND_PAIR_BURST messages at once and not one more', async () => {
    const { number, send, work } = await begin({ SEND_PAIR_INTERVAL_MS: '20000', SEND_PAIR_BURST: '3' })
    work()
    const [one, two] = [await number.conversation(), await number.conversation()]
    for (let count = 0; count < 5; count++) await send(one.id, `${count}`)
    await eventually(() => expect(number.accepted).toHaveLength(3))
    const { message } = await send(two.id, 'another customer')
    expect((await hub.settled(message)).status).toBe('sent')
    expect(number.arrived.filter(({ to }) => to === one.phone)).toHaveLength(3)
  })

  test('nobody waits for a pair on a network that does not count them', async () => {
    const { number, send, work } = await begin({ SEND_PAIR_INTERVAL_MS: '20000', SEND_PAIR_BURST: '3' })
    work()
    const { id } = await number.conversation()
    const sent = [await send(id, '0'), await send(id, '1'), await send(id, '2')]
    for (const { message } of sent) expect((await hub.settled(message)).status).toBe('sent')
    await send(id, '3')
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query('update messages set next_attempt_at = null where tenant_id = $1', [tx.tenantId])
      const found = await findDue(hub.deps.config, tx, number.channelId, 10)
      expect(found).toHaveLength(1)
      expect(await pace(hub.deps.config, tx, 'evolution', found)).toEqual(found)
      expect(await pace(hub.deps.config, tx, 'whatsapp-cloud', found)).toEqual([])
    })
  })

  test('what a pair had to wait for goes by itself, in its order, never more than SEND_PAIR_BURST in as many intervals', async () => {
    const { number, send, work } = await begin({ SEND_PAIR_INTERVAL_MS: '200', SEND_PAIR_BURST: '3' })
    const { id } = await number.conversation()
    for (let count = 0; count < 7; count++) await send(id, `${count}`)
    work()
    await eventually(() => expect(number.accepted).toHaveLength(7))
    expect(number.accepted.map(({ text }) => text)).toEqual(['0', '1', '2', '3', '4', '5', '6'])
    const times = await begun()
    for (const [at, ms] of times.slice(3).entries()) expect(ms - (times[at] ?? 0)).toBeGreaterThanOrEqual(599)
  })
})
