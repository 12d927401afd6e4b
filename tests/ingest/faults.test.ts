import { describe, expect, test } from 'vitest'
import { openDeps } from '../../src/deps.ts'
import { ingestChannel } from '../harness/ingest-channel.ts'
import { eventually } from '../harness/eventually.ts'
import { startWorkers } from '../../workers/server.ts'
import { person, wamid, written } from './cloud-bodies.ts'
import { type IngestHub, startIngest } from './ingest-hub.ts'

/** Makes the database refuse rows of messages with a text, as it refuses rows that break its rules. */
async function refuseText(hub: IngestHub, text: string, sqlstate: string): Promise<void> {
  await hub.asOwner(
    `create function refuse_${sqlstate}() returns trigger language plpgsql as $$ begin
       if new.text = '${text}' then raise exception 'refused by the test' using errcode = '${sqlstate}'; end if;
       return new; end $$`,
  )
  await hub.asOwner(
    `create trigger refuse_${sqlstate} before insert on messages for each row execute function refuse_${sqlstate}()`,
  )
}

const accept = (hub: IngestHub, sqlstate: string) =>
  hub.asOwner(`drop trigger refuse_${sqlstate} on messages`)

const texts = async (hub: IngestHub) =>
  (await hub.shown()).messages
    .map(({ text }) => text)
    .toSorted((one, other) => (one ?? '').localeCompare(other ?? ''))

describe('deliveries that make trouble', () => {
  test('[IN3] a part that cannot be stored is set aside with its reason; its siblings and neighbours are processed', async () => {
    await using hub = await startIngest()
    await refuseText(hub, 'poison', '22023')
    await hub.deliver(written(person(), 'before'))
    await hub.deliver(
      written(person(), 'sibling'),
      written(person(), 'poison'),
      written(person(), 'other sibling'),
    )
    await hub.deliver(written(person(), 'after'))
    expect(await hub.ingest()).toBe(3)
    expect(await texts(hub)).toEqual(['after', 'before', 'other sibling', 'sibling'])
    const [before, middle, after] = await hub.inbox()
    expect([before?.state, after?.state]).toEqual(['done', 'done'])
    expect(middle).toMatchObject({
      state: 'parked',
      reason: expect.stringContaining('refused by the test'),
      poison: [{ reason: expect.stringContaining('refused by the test'), raw: { text: 'poison' } }],
    })
    // Nothing is tried again by itself, and nobody is made for the part that failed.
    expect(await hub.ingest()).toBe(0)
    expect((await hub.shown()).contacts).toHaveLength(4)
  })

  test('[IN3] a parked delivery that is put back is processed, and what was processed of it is not doubled', async () => {
    await using hub = await startIngest()
    await refuseText(hub, 'poison', '22023')
    await hub.deliver(written(person(), 'sibling'), written(person(), 'poison'))
    await hub.ingest()
    await accept(hub, '22023')
    await hub.asOwner(`update webhook_inbox set state = 'new', attempts = 0`)
    await hub.ingest()
    expect(await texts(hub)).toEqual(['poison', 'sibling'])
    expect((await hub.inbox()).map(({ state }) => state)).toEqual(['done'])
  })

  test('[IN3] what may pass is tried again behind the others, WEBHOOK_ATTEMPTS times, and then parked', async () => {
    await using hub = await startIngest({ WEBHOOK_ATTEMPTS: '3' })
    await refuseText(hub, 'later', '55P03')
    await hub.deliver(written(person(), 'later'))
    await hub.deliver(written(person(), 'now'))
    await hub.ingest()
    expect(await texts(hub)).toEqual(['now'])
    const attempts = async () =>
      (
        await hub.asOwner<{ attempts: number; state: string }>(
          'select attempts, state from webhook_inbox order by id',
        )
      )[0]
    expect(await attempts()).toEqual({ attempts: 1, state: 'new' })
    await hub.ingest()
    expect(await attempts()).toEqual({ attempts: 2, state: 'new' })
    await hub.ingest()
    expect(await attempts()).toEqual({ attempts: 3, state: 'parked' })
  })

  test('[IN3] what passed is processed at the next look', async () => {
    await using hub = await startIngest({ WEBHOOK_ATTEMPTS: '3' })
    await refuseText(hub, 'later', '55P03')
    await hub.deliver(written(person(), 'later'))
    await hub.ingest()
    await accept(hub, '55P03')
    await hub.ingest()
    expect(await texts(hub)).toEqual(['later'])
    expect((await hub.inbox()).map(({ state }) => state)).toEqual(['done'])
  })

  test('[IN3] what makes no sense of a body is kept with its reason, the rest is used', async () => {
    await using hub = await startIngest()
    await hub.deliver({ messages: ['not a message', null, { id: 7 }] }, written(person(), 'sound'))
    await hub.ingest()
    expect(await texts(hub)).toEqual(['sound'])
    const [row] = await hub.inbox()
    expect(row?.state).toBe('parked')
    expect(row?.poison).toHaveLength(3)
  })

  test('[IN2] processes that work on one number at once leave no hole, no repeat and no other order', async () => {
    await using hub = await startIngest({ WEBHOOK_BATCH: '7' })
    const cora = person()
    for (let n = 1; n <= 60; n++)
      await hub.deliver(written(cora, `message ${n}`, { at: new Date(1_783_000_000_000 + n * 1000) }))
    const other = openDeps(hub.hub.config, 'other')
    hub.hub.onClose(() => other.close())
    const key = { tenantId: hub.hub.tenant.id, channelId: hub.number.channelId }
    const done = await Promise.all(
      [hub.hub.deps, other, hub.hub.deps, other].map((deps) => ingestChannel(deps, key)),
    )
    expect(done.reduce((sum, { deliveries }) => sum + deliveries, 0)).toBe(60)
    const { messages, conversations } = await hub.shown()
    expect(messages.map(({ seq, text }) => `${seq} ${text}`)).toEqual(
      Array.from({ length: 60 }, (_, place) => `${place + 1} message ${place + 1}`),
    )
    expect(conversations).toMatchObject([{ lastSeq: 60, unreadCount: 60 }])
  })

  test('[IN2] a transaction takes WEBHOOK_BATCH deliveries and WEBHOOK_BATCH_BYTES at most, and one always', async () => {
    await using hub = await startIngest({ WEBHOOK_BATCH: '3', WEBHOOK_BATCH_BYTES: '2000' })
    for (let n = 0; n < 4; n++) await hub.deliver(written(person(), `small ${n}`))
    await hub.deliver(written(person(), 'x'.repeat(3000)))
    await hub.deliver(written(person(), 'y'.repeat(3000)))
    await hub.ingest()
    // Rows of one transaction share its time.
    const batches = await hub.asOwner<{ count: number }>(
      'select count(*)::integer from webhook_inbox group by processed_at order by min(id)',
    )
    expect(batches.map(({ count }) => count)).toEqual([3, 1, 1, 1])
  })

  test('[IN4] what comes for a suspended tenant or a removed number waits and is not processed', async () => {
    await using hub = await startIngest()
    await hub.deliver(written(person(), 'before'))
    await hub.asOwner(`update tenants set status = 'suspended'`)
    expect(await hub.ingest()).toBe(0)
    expect(await hub.inbox()).toMatchObject([{ state: 'quarantined', reason: 'tenant_suspended' }])
    expect((await hub.shown()).messages).toEqual([])
  })

  test('[IN2] a nudge that was lost costs a moment: the sweep finds what waits', async () => {
    await using hub = await startIngest({ SWEEP_MS: '50' })
    await hub.deliver(written(person(), 'lost', { id: wamid() }))
    const workers = startWorkers(hub.hub.deps)
    hub.hub.onClose(() => workers.close())
    await eventually(async () => expect(await texts(hub)).toEqual(['lost']))
    // Without Redis knowing anything of it.
    await hub.asOwner(
      `insert into webhook_inbox (tenant_id, channel_id, provider, hash, body)
       select tenant_id, channel_id, provider, 'another', replace(replace(convert_from(body, 'UTF8'), 'wamid.', 'wamid.2'), 'lost', 'found')::bytea
       from webhook_inbox`,
    )
    await eventually(async () => expect(await texts(hub)).toEqual(['found', 'lost']))
  })
})
