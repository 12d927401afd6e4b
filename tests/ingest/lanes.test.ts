import pg from 'pg'
import { expect, test } from 'vitest'
import { openIngest } from '../../src/domain/webhooks/ingest.ts'
import { waitingForLocks } from '../harness/database.ts'
import { eventually } from '../harness/eventually.ts'
import { delivery, person, written } from './cloud-bodies.ts'
import { startIngest } from './ingest-hub.ts'

/** Three channels have a delivery each, and another process holds the inboxes of the first two. */
async function begin(lanes: string) {
  const hub = await startIngest({ WEBHOOK_LANES: lanes })
  const numbers = [hub.number, await hub.addNumber(), await hub.addNumber()]
  for (const number of numbers) await hub.post(number, delivery(number, [written(person(), 'hello')]))
  const holder = new pg.Client({ connectionString: hub.hub.config.DATABASE_URL })
  await holder.connect()
  for (const { channelId } of numbers.slice(0, 2))
    await holder.query(`select pg_advisory_lock(hashtextextended('switchboard ingest ' || $1, 0))`, [
      channelId,
    ])
  const ingest = openIngest(hub.hub.deps, () => {})
  hub.hub.onClose(() => ingest.close())
  const looks = numbers.map(({ channelId }) => ingest.wake({ tenantId: hub.hub.tenant.id, channelId }))
  const held = () => waitingForLocks(hub.hub)
  const states = async () => (await hub.inbox()).map(({ state }) => state)
  return { hub, looks, held, states, release: () => holder.end() }
}

test.each(['2', '3'])('[IN9] with %s lanes channels that are held up hold up no others', async (lanes) => {
  const { hub, looks, held, states, release } = await begin(lanes)
  await using _ = hub
  expect(await looks[2]).toBe(1)
  await eventually(async () => expect(await held()).toBe(Number(lanes) - 1))
  expect(await states()).toEqual(['new', 'new', 'done'])
  await release()
  expect(await Promise.all(looks)).toEqual([1, 1, 1])
})

test('[IN9] with a single lane a channel waits for its turn, and gets it', async () => {
  const { hub, looks, held, states, release } = await begin('1')
  await using _ = hub
  await eventually(async () => expect(await held()).toBe(1))
  expect(await states()).toEqual(['new', 'new', 'new'])
  await release()
  expect(await Promise.all(looks)).toEqual([1, 1, 1])
  expect(await states()).toEqual(['done', 'done', 'done'])
})
