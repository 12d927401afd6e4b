import { expect, test } from 'vitest'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { ownRedis, startLink } from '../harness/own-redis.ts'
import { delivery, person, written } from '../ingest/cloud-bodies.ts'
import { startIngest } from '../ingest/ingest-hub.ts'

/** A number whose deliveries nothing finds but nudges, and workers. */
async function begin(redisUrl: string) {
  const hub = await startIngest({ REDIS_URL: redisUrl, SWEEP_MS: '600000' })
  const workers = startWorkers(hub.hub.deps)
  hub.hub.onClose(() => workers.close())
  const { redis, jobs } = hub.hub.deps
  await eventually(() => expect(redis.status).toBe('ready'))
  const key = { tenantId: hub.hub.tenant.id, channelId: hub.number.channelId }
  /** Settles when what came is processed, and everything before it. A nudge may be lost, so it is given until one is not. */
  const said = async (text: string): Promise<string[]> => {
    await hub.post(hub.number, delivery(hub.number, [written(person(), text)]))
    return eventually(async () => {
      const states = (await hub.inbox()).map(({ state }) => state)
      if (states.includes('new')) jobs.nudge('ingest-inbound', { channels: [key] })
      expect(states).not.toContain('new')
      return states
    }, 20_000)
  }
  return { hub, redis, said }
}

test('[IN9] [B1] [B2] [B3] waiting channels are told again after Redis forgot, went away and came back', async () => {
  await using own = await ownRedis()
  const { hub, redis, said } = await begin(own.url)
  await using _ = hub
  expect(await said('one')).toHaveLength(1)
  await redis.flushall()
  expect(await said('two')).toHaveLength(2)
  await own.restartEmpty()
  expect(await said('three')).toHaveLength(3)
  await own.stop()
  await own.start()
  expect(await said('four')).toEqual(['done', 'done', 'done', 'done'])
}, 60_000)

test('[IN9] [B5] a line that is dead without knowing it is made anew', async () => {
  await using own = await ownRedis()
  await using link = await startLink(own.port)
  const url = new URL(own.url)
  url.port = String(link.port)
  const { hub, said } = await begin(url.toString())
  await using _ = hub
  expect(await said('one')).toEqual(['done'])
  link.freeze('worker-ingest-inbound')
  expect(await said('two')).toEqual(['done', 'done'])
}, 60_000)
