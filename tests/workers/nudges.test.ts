import { expect, test } from 'vitest'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type WaitingChannel, WaitingChannels } from '../../src/platform/waiting-channels.ts'
import { eventually } from '../harness/eventually.ts'
import { startHub } from '../harness/hub.ts'

test('[IN9] a channel that gets something again and again waits for a worker once, and no two workers get it', async () => {
  await using hub = await startHub()
  const { redis, jobs } = hub.deps
  await eventually(() => expect(redis.status).toBe('ready'))
  const [one, two, three] = [uuidv7(), uuidv7(), uuidv7()].map((channelId) => ({
    tenantId: hub.tenant.id,
    channelId,
  })) as [WaitingChannel, WaitingChannel, WaitingChannel]
  const key = `${hub.config.REDIS_PREFIX}:waiting-channels`
  const isWaiting = (count: number) => eventually(async () => expect(await redis.zcard(key)).toBe(count))
  jobs.nudge('ingest-inbound', { channels: [one] })
  await isWaiting(1)
  const since = await redis.zscore(key, `${one.tenantId} ${one.channelId}`)
  jobs.nudge('ingest-inbound', { channels: [two, one] })
  jobs.nudge('ingest-inbound', { channels: [three, two] })
  await isWaiting(3)
  // Whoever waits already does not lose its place.
  expect(await redis.zscore(key, `${one.tenantId} ${one.channelId}`)).toBe(since)
  const waiting = new WaitingChannels(redis, hub.config.REDIS_PREFIX)
  const [some, others] = await Promise.all([waiting.take(2, 1), waiting.take(2, 1)])
  expect(some[0]).toEqual(one)
  expect([...some, ...others].map(({ channelId }) => channelId).sort()).toEqual(
    [one, two, three].map(({ channelId }) => channelId).sort(),
  )
  // Taken is taken: the next news puts it back.
  jobs.nudge('ingest-inbound', { channels: [one] })
  expect(await waiting.take(2, 5)).toEqual([one])
})
