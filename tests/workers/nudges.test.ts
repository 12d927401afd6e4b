import { Queue } from 'bullmq'
import { expect, test } from 'vitest'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { eventually } from '../harness/eventually.ts'
import { startHub } from '../harness/hub.ts'

test('[HOOK10] channels that get something while a nudge is under way share the next one, each once', async () => {
  await using hub = await startHub()
  await eventually(() => expect(hub.deps.redis.status).toBe('ready'))
  const [one, two, three] = [uuidv7(), uuidv7(), uuidv7()].map((channelId) => ({
    tenantId: hub.tenant.id,
    channelId,
  })) as [Channel, Channel, Channel]
  for (const channels of [[one], [two], [three, two]]) hub.deps.jobs.nudge('ingest-inbound', { channels })
  const queue = new Queue('ingest-inbound', {
    connection: { url: hub.environment['REDIS_URL'] ?? '' },
    prefix: hub.config.REDIS_PREFIX,
    skipVersionCheck: true,
  })
  hub.onClose(() => queue.close())
  const waiting = async () => (await queue.getWaiting(0, 10)).map((job) => job.data as unknown)
  await eventually(async () =>
    expect(await waiting()).toEqual(
      expect.arrayContaining([{ channels: [one] }, { channels: [two, three] }]),
    ),
  )
  expect(await waiting()).toHaveLength(2)
  // Nothing is under way any more, so the next one goes at once.
  hub.deps.jobs.nudge('ingest-inbound', { channels: [one] })
  await eventually(async () => expect(await waiting()).toHaveLength(3))
})

interface Channel {
  readonly tenantId: string
  readonly channelId: string
}
