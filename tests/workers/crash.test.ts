import { afterEach, describe, expect, test } from 'vitest'
import type { MessageView } from '../../src/contract/message.ts'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import type { Environment } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { blockedAt, kill, killed, lineTo, openSession } from '../harness/killing.ts'
import { connectNumber } from '../harness/number.ts'
import { startWorkerProcess } from '../harness/worker-process.ts'

let hub: Hub
afterEach(() => hub[Symbol.asyncDispose]())

async function begin(more: Environment = {}) {
  hub = await startHub({
    SWEEP_MS: '200',
    PROVIDER_TIMEOUT_MS: '1500',
    SEND_LEASE_MS: '2000',
    SEND_BREAKER_FAILURES: '1000',
    ...more,
  })
  const number = await connectNumber(hub)
  const { actor } = await hub.signIn('agent')
  const { id } = await number.conversation()
  const send = async (text: string, conversationId = id) =>
    (await sendMessage(hub.deps, actor, { conversationId, clientMessageId: uuidv7(), type: 'text', text }))
      .message
  return { number, send }
}

async function statusOf(message: MessageView): Promise<string | undefined> {
  const [row] = await readTenant(hub.deps, hub.tenant.id, (query) =>
    query<{ status: string }>('select status from messages where tenant_id = $1 and id = $2', [
      hub.tenant.id,
      message.id,
    ]),
  )
  return row?.status
}
const becomes = (message: MessageView, status: string) =>
  eventually(async () => expect(await statusOf(message)).toBe(status))

const session = () => openSession(hub)
const blocked = (words: string) => blockedAt(hub, words)

describe('[OUT7] a worker that is killed', () => {
  test(`${killed('deliver-outbound', 'before')} before its claim is committed has done nothing: the message goes out once`, async () => {
    const { number, send } = await begin()
    const holder = await session()
    await holder.query('begin; select 1 from channel_lanes for update')
    const message = await send('hello')
    const worker = await startWorkerProcess(hub)
    await blocked('channel_lanes')
    await kill(worker)
    await holder.query('rollback')
    await startWorkerProcess(hub)
    await becomes(message, 'sent')
    expect(number.arrived).toHaveLength(1)
  })

  test(`${killed('deliver-outbound', 'between')} between its claim and the call leaves an unknown message, which nobody sends`, async () => {
    const { number, send } = await begin()
    const [first, second] = [await session(), await session()]
    await first.query('begin; lock table send_attempts in share mode')
    const message = await send('hello')
    const next = await send('the next one')
    const worker = await startWorkerProcess(hub)
    await blocked('insert into send_attempts')
    // Queues behind the claim, which has read the number already, and before the worker's next look at it.
    const locked = second.query('begin; lock table channels in access exclusive mode')
    await first.query('rollback')
    await locked
    await blocked('from channels')
    await kill(worker)
    await second.query('rollback')
    await startWorkerProcess(hub)
    await becomes(message, 'unknown')
    await becomes(next, 'sent')
    expect(number.arrived.map(({ ref }) => ref)).toEqual([next.id])
  })

  test(`${killed('deliver-outbound', 'between')} while its call is open leaves an unknown message; it arrived once and stays at that`, async () => {
    const { number, send } = await begin()
    const worker = await startWorkerProcess(hub)
    number.answer(({ text }) => {
      if (text === 'fatal') worker.signal('SIGKILL')
      return undefined
    })
    const message = await send('fatal')
    const next = await send('the next one')
    expect(await worker.ended()).toBe('SIGKILL')
    await startWorkerProcess(hub)
    await becomes(message, 'unknown')
    await becomes(next, 'sent')
    expect(number.accepted.map(({ ref }) => ref)).toEqual([message.id, next.id])
  })

  test(`${killed('deliver-outbound', 'between')} between the answer and its record leaves an unknown message; it arrived once and stays at that`, async () => {
    const { number, send } = await begin()
    const message = await send('hello')
    const holder = await session()
    await holder.query('begin; select 1 from messages for no key update')
    const worker = await startWorkerProcess(hub)
    await eventually(() => expect(number.accepted).toHaveLength(1))
    await blocked('select 1 from messages where')
    await kill(worker)
    await holder.query('rollback')
    await startWorkerProcess(hub)
    await becomes(message, 'unknown')
    expect(number.arrived).toHaveLength(1)
  })

  test(`${killed('deliver-outbound', 'after')} once its record is committed leaves a message that is sent, which nobody sends again`, async () => {
    const { number, send } = await begin()
    const { line, environment } = await lineTo(hub, 'DATABASE_URL')
    const message = await send('hello')
    const answer = line.withholdAnswer(/message\.sent[^]*commit\0/)
    const worker = await startWorkerProcess(hub, environment)
    await answer.arrived
    await kill(worker)
    await startWorkerProcess(hub)
    const next = await send('the next one')
    await becomes(next, 'sent')
    expect(await statusOf(message)).toBe('sent')
    expect(number.arrived.map(({ ref }) => ref)).toEqual([message.id, next.id])
  })

  test('[A4] ten times at any moment doubles nothing and loses nothing', async () => {
    const { number, send } = await begin({ SEND_LEASE_MS: '1000', PROVIDER_TIMEOUT_MS: '800' })
    const messages: MessageView[] = []
    const others = await Promise.all(Array.from({ length: 8 }, () => number.conversation()))
    number.answer(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return undefined
    })
    for (let round = 0; round < 10; round++) {
      const worker = await startWorkerProcess(hub)
      for (const { id } of others) messages.push(await send(`${round}`, id))
      await eventually(() => expect(number.arrived.length).toBeGreaterThan(round * 4))
      await kill(worker)
    }
    await startWorkerProcess(hub)
    await eventually(async () => {
      const states = await Promise.all(messages.map(statusOf))
      expect(states.filter((state) => state === 'queued')).toEqual([])
    }, 20_000)
    expect(number.doubles()).toEqual([])
    const accepted = new Set(number.accepted.map(({ ref }) => ref))
    for (const message of messages) {
      const status = await statusOf(message)
      if (status === 'sent') expect(accepted).toContain(message.id)
      else expect(status).toBe('unknown')
    }
  }, 60_000)
})

test('[A6] [OUT6] a worker that slept through its lease wakes up to find its outcome refused', async () => {
  const { number, send } = await begin()
  const sleeper = await startWorkerProcess(hub)
  let wake = (): void => {}
  const awake = new Promise<void>((resolve) => {
    wake = resolve
  })
  number.answer(async ({ text }) => {
    if (text !== 'sleep') return undefined
    sleeper.signal('SIGSTOP')
    await awake
    return undefined
  })
  const message = await send('sleep')
  await eventually(() => expect(number.arrived).toHaveLength(1))
  await startWorkerProcess(hub)
  await becomes(message, 'unknown')
  wake()
  await eventually(() => expect(number.accepted).toHaveLength(1))
  sleeper.signal('SIGCONT')
  await eventually(() => expect(sleeper.said).toContain('an outcome came too late and was refused'))
  expect(await statusOf(message)).toBe('unknown')
  const attempts = await readTenant(hub.deps, hub.tenant.id, (query) =>
    query('select state from send_attempts', []),
  )
  expect(attempts).toEqual([{ state: 'unknown' }])
})

describe('[OUT11] [G2] a worker that is asked to stop', () => {
  test('finishes its calls, takes nothing more, and ends with 0', async () => {
    const { number, send } = await begin()
    const worker = await startWorkerProcess(hub)
    number.answer(async () => {
      worker.signal('SIGTERM')
      await new Promise((resolve) => setTimeout(resolve, 500))
      return undefined
    })
    const message = await send('long')
    const next = await send('not any more')
    expect(await worker.ended()).toBe(0)
    expect([await statusOf(message), await statusOf(next)]).toEqual(['sent', 'queued'])
    expect(number.arrived).toHaveLength(1)
  })

  test('does not outlive its grace; the call that was open then becomes unknown', async () => {
    const { number, send } = await begin({ SHUTDOWN_GRACE_MS: '300' })
    const worker = await startWorkerProcess(hub)
    let asked = 0
    number.answer(async () => {
      asked = performance.now()
      worker.signal('SIGTERM')
      return { fault: 'stall' }
    })
    const message = await send('stuck')
    expect(await worker.ended()).toBe(1)
    expect(performance.now() - asked).toBeLessThan(1000)
    await startWorkerProcess(hub)
    await becomes(message, 'unknown')
    expect(number.arrived).toHaveLength(1)
  })
})
