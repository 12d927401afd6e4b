import { afterEach, describe, expect, test } from 'vitest'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import type { Environment } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { startWorkers, type Workers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import { ownRedis, startLink } from '../harness/own-redis.ts'

let hub: Hub
afterEach(() => hub[Symbol.asyncDispose]())

/** Long enough that the sweep finds nothing during a test: what works, works by nudges. */
const noSweep = { SWEEP_MS: '600000' }

async function begin(redisUrl: string, more: Environment = {}) {
  hub = await startHub({
    REDIS_URL: redisUrl,
    SEND_RATE_PER_SECOND: '1000',
    SEND_BURST: '1000',
    SWEEP_MS: '300',
    ...more,
  })
  const number = await connectNumber(hub)
  const { actor } = await hub.signIn('agent')
  const conversations = await Promise.all(Array.from({ length: 5 }, () => number.conversation()))
  const send = async (place: number) => {
    const conversationId = conversations[place % 5]?.id ?? ''
    const text = String(place)
    return (
      await sendMessage(hub.deps, actor, { conversationId, clientMessageId: uuidv7(), type: 'text', text })
    ).message
  }
  const work = (): Workers => {
    const workers = startWorkers(hub.deps)
    hub.onClose(() => workers.close())
    return workers
  }
  const ready = () => eventually(() => expect(hub.deps.redis.status).toBe('ready'))
  return { number, send, work, ready }
}
const unsent = () =>
  readTenant(hub.deps, hub.tenant.id, (query) => query(`select 1 from messages where status <> 'sent'`, []))

describe('[OUT9] the nudges', () => {
  test('[B1] Redis forgets everything again and again: every message goes out once', async () => {
    await using redis = await ownRedis()
    const { number, send, work, ready } = await begin(redis.url)
    work()
    await ready()
    for (let place = 0; place < 60; place++) {
      await send(place)
      if (place % 3 === 0) await hub.deps.redis.flushall()
    }
    await eventually(async () => expect(await unsent()).toEqual([]))
    expect(number.accepted).toHaveLength(60)
    expect(number.doubles()).toEqual([])
  })

  test('[B2] Redis is away: messages are taken and go out within a sweep; back again, nudges work by themselves', async () => {
    await using redis = await ownRedis()
    const { number, send, work, ready } = await begin(redis.url)
    work()
    await ready()
    await redis.stop()
    const started = performance.now()
    for (let place = 0; place < 10; place++) await send(place)
    expect(performance.now() - started, 'nobody waited for Redis').toBeLessThan(1000)
    await eventually(async () => expect(await unsent()).toEqual([]), 2000)
    await redis.start()
    await ready()
    await send(10)
    await eventually(async () => expect(await unsent()).toEqual([]))
    expect(number.doubles()).toEqual([])
    expect(number.accepted).toHaveLength(11)
  })

  test('[B2] [B3] workers resume by nudges alone, also when Redis comes back empty', async () => {
    await using redis = await ownRedis()
    const { number, send, work, ready } = await begin(redis.url, noSweep)
    work()
    await ready()
    const check = async (count: number) => {
      await send(count)
      await eventually(() => expect(number.accepted).toHaveLength(count), 20_000)
    }
    await check(1)
    await redis.restartEmpty()
    await ready()
    await check(2)
    await redis.stop()
    await redis.start()
    await ready()
    await check(3)
  }, 60_000)

  test('[B11] Redis that is not there when the workers start is found when it comes', async () => {
    await using redis = await ownRedis()
    await redis.stop()
    const { number, send, work, ready } = await begin(redis.url)
    work()
    await send(0)
    await eventually(() => expect(number.accepted).toHaveLength(1))
    await redis.start()
    await ready()
    await send(1)
    await eventually(() => expect(number.accepted).toHaveLength(2))
  })

  test('[B5] a worker whose connections are dead without knowing it is built anew', async () => {
    await using redis = await ownRedis()
    await using link = await startLink(redis.port)
    const url = new URL(redis.url)
    url.port = String(link.port)
    const { number, send, work } = await begin(url.toString(), { SWEEP_MS: '500' })
    work()
    await send(0)
    await eventually(() => expect(number.accepted).toHaveLength(1))
    link.freeze('worker-deliver-outbound')
    await send(1)
    await eventually(async () => {
      const { values } = await hub.deps.metrics.workersRebuilt.get()
      expect(values).toEqual([expect.objectContaining({ value: 1, labels: { job: 'deliver-outbound' } })])
    }, 20_000)
    await eventually(async () => {
      const waiting = await hub.deps.redis.llen(`${hub.config.REDIS_PREFIX}:deliver-outbound:wait`)
      expect(waiting).toBe(0)
    })
  }, 40_000)

  test('[B2] what is nudged while Redis is away is held nowhere: nothing of it is there when Redis is', async () => {
    await using redis = await ownRedis()
    const { ready } = await begin(redis.url)
    await ready()
    await redis.stop()
    await eventually(() => expect(hub.deps.redis.status).not.toBe('ready'))
    const nudge = () =>
      hub.deps.jobs.nudge('deliver-outbound', { tenantId: hub.tenant.id, channelId: uuidv7() })
    for (let count = 0; count < 20_000; count++) nudge()
    await redis.start()
    await ready()
    nudge()
    await eventually(async () => {
      const waiting = await hub.deps.redis.llen(`${hub.config.REDIS_PREFIX}:deliver-outbound:wait`)
      expect(waiting).toBe(1)
    })
  })

  test('closing does not wait for a Redis that is away', async () => {
    await using redis = await ownRedis()
    const { work, ready } = await begin(redis.url)
    const workers = work()
    await ready()
    await redis.stop()
    const started = performance.now()
    await workers.close()
    expect(performance.now() - started).toBeLessThan(3000)
  })
})
