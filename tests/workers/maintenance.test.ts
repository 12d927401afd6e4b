import { expect, test } from 'vitest'
import { readEvents, readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { startIntake, textTo } from '../webhooks/intake-hub.ts'

test('[HOOK5] processed deliveries and the quarantine are kept for their time and then thrown away; what waits is not', async () => {
  await using intake = await startIntake({ WEBHOOK_KEEP_DAYS: '2', WEBHOOK_QUARANTINE_DAYS: '5' })
  const number = await intake.addNumber()
  for (const state of ['done', 'quarantined', 'parked', 'new'])
    for (const days of [1, 3, 6]) {
      await intake.post(number, textTo(number))
      await intake.asOwner(
        `update webhook_inbox set state = $1, channel_id = null, reason = $3, received_at = now() - make_interval(days => $2)
         where id = (select max(id) from webhook_inbox)`,
        [state, days, `${state} for ${days}`],
      )
    }
  const workers = startWorkers(intake.hub.deps)
  intake.hub.onClose(() => workers.close())
  await eventually(async () =>
    expect((await intake.inbox()).map(({ reason }) => reason)).toEqual([
      'done for 1',
      'quarantined for 1',
      'quarantined for 3',
      'parked for 1',
      'parked for 3',
      'parked for 6',
      'new for 1',
      'new for 3',
      'new for 6',
    ]),
  )
})

test('[LOG6] workers keep the events of LOG_KEEP_DAYS, and not those of a day more; readers are told', async () => {
  await using intake = await startIntake({ LOG_KEEP_DAYS: '3' })
  const { hub } = intake
  const partitionOf = async (days: number) => {
    const [row] = await intake.asOwner<{ name: string; day: string; next: string }>(
      `select 'events_' || to_char(d, 'YYYYMMDD') as name, d::text as day, (d + 1)::text as next
       from (select (now() at time zone 'UTC')::date - $1::integer as d) t`,
      [days],
    )
    return row as { name: string; day: string; next: string }
  }
  const record = () =>
    inTenant(hub.deps, hub.tenant.id, (tx) => {
      tx.record('channel.removed', { channelId: uuidv7() }, { kind: 'tenant' })
      return Promise.resolve()
    })
  const before = (await readHead(hub.deps, hub.tenant.id)).seq
  for (const days of [4, 3]) {
    const { name, day, next } = await partitionOf(days)
    await intake.asOwner(
      `create table ${name} partition of events for values from ('${day} 00:00Z') to ('${next} 00:00Z')`,
      [],
    )
    await record()
    await intake.asOwner(
      `update events set occurred_at = '${day} 12:00Z' where seq = (select max(seq) from events where tenant_id = $1)
         and tenant_id = $1`,
      [hub.tenant.id],
    )
  }
  const there = async (days: number) =>
    (await intake.asOwner('select to_regclass($1) as name', [(await partitionOf(days)).name]))[0]
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  await eventually(async () => expect(await there(4)).toEqual({ name: null }))
  expect(await there(3)).not.toEqual({ name: null })
  const from = (seq: number) => readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq }, 10)
  expect(await from(before)).toBe('trimmed')
  expect(await from(before + 1)).toMatchObject({ events: [{ seq: before + 2 }] })
})

test('[IN11] workers let the server know of tables of the message path that have doubled, before autovacuum does', async () => {
  await using intake = await startIntake()
  const { hub } = intake
  await intake.asOwner('alter table contacts set (autovacuum_enabled = off)')
  // What an index computes of each row is dear, and can wait for autovacuum.
  await intake.asOwner('create index contacts_shouted on contacts (upper(first_name))')
  const known = async () =>
    (
      await intake.asOwner<{ rows: number }>(
        `select reltuples::integer as rows from pg_class where relname = 'contacts'`,
      )
    )[0]?.rows
  await intake.asOwner(
    `insert into contacts (tenant_id, first_name) select $1, 'Somebody ' || n from generate_series(1, 5000) n`,
    [hub.tenant.id],
  )
  expect(await known()).toBeLessThan(1)
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  await eventually(async () => expect(await known()).toBe(5000))
  const described = await intake.asOwner(
    `select tablename as of, attname as what from pg_stats
     where tablename = 'contacts_shouted' or (tablename = 'contacts' and attname = 'first_name')`,
  )
  expect(described).toEqual([{ of: 'contacts', what: 'first_name' }])
})
