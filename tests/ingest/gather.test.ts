import { expect, test } from 'vitest'
import { openIngest } from '../../src/domain/webhooks/ingest.ts'
import { eventually } from '../harness/eventually.ts'
import { person, written } from './cloud-bodies.ts'
import { startIngest } from './ingest-hub.ts'

/** How many deliveries each transaction took; rows of one share its time. */
const batchesOf = `select count(*)::integer from webhook_inbox where state = 'done' group by processed_at order by min(id)`

test('[IN2] a busy number gathers deliveries between two looks, a quiet one does not wait, and closing waits for nobody', async () => {
  await using hub = await startIngest({ WEBHOOK_GATHER_MS: '60000' })
  const ingest = openIngest(hub.hub.deps, () => {})
  const key = { tenantId: hub.hub.tenant.id, channelId: hub.number.channelId }
  const batches = async () => (await hub.asOwner<{ count: number }>(batchesOf)).map(({ count }) => count)
  for (const n of [1, 2, 3]) {
    for (let m = 0; m < n; m++) await hub.deliver(written(person(), `quiet ${n}`))
    const looked = ingest.wake(key)
    void ingest.wake(key)
    await looked
  }
  expect(await batches()).toEqual([1, 2, 3])
  for (let n = 0; n < 4; n++) await hub.deliver(written(person(), 'busy'))
  const looked = ingest.wake(key)
  void ingest.wake(key)
  await eventually(async () => expect(await batches()).toEqual([1, 2, 3, 4]))
  await hub.deliver(written(person(), 'gathered'))
  await ingest.close()
  expect(await looked).toBe(4)
  expect(await batches()).toEqual([1, 2, 3, 4])
  expect((await hub.inbox()).at(-1)?.state).toBe('new')
})
