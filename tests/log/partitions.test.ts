import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { readEvents, readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type Hub, startHub } from '../harness/hub.ts'

const dayMs = 86_400_000
const daysAgo = (days: number) => new Date(Date.now() - days * dayMs)
const partitionOf = (day: Date) => `events_${day.toISOString().slice(0, 10).replaceAll('-', '')}`

async function write(hub: Hub, events: number): Promise<void> {
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    for (let n = 0; n < events; n++) tx.record('channel.removed', { channelId: uuidv7() }, { kind: 'tenant' })
  })
}

async function asOwner<Row extends object>(hub: Hub, text: string): Promise<Row[]> {
  const owner = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await owner.connect()
  try {
    return (await owner.query<Row & pg.QueryResultRow>(text)).rows
  } finally {
    await owner.end()
  }
}

/** What the worker's maintenance does every hour. */
async function maintain(hub: Hub, keepDays = 30): Promise<string[]> {
  const { rows } = await hub.deps.db.write.query<{ action: string; partition_name: string }>(
    'select action, partition_name from maintain_event_partitions(7, $1)',
    [keepDays],
  )
  return rows.map(({ action, partition_name: name }) => `${action} ${name}`)
}

/** Lets everything that is in the log have happened some days ago. */
async function age(hub: Hub, days: number): Promise<void> {
  const day = daysAgo(days)
  const [from, to] = [day, new Date(day.getTime() + dayMs)].map((at) => at.toISOString().slice(0, 10))
  await asOwner(
    hub,
    `create table if not exists ${partitionOf(day)} partition of events for values from ('${from} 00:00Z') to ('${to} 00:00Z');
     update events set occurred_at = '${from} 12:00Z'`,
  )
}

async function partitions(hub: Hub): Promise<string[]> {
  const rows = await asOwner<{ name: string }>(
    hub,
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'events'::regclass order by 1`,
  )
  return rows.map((row) => row.name)
}

describe('[LOG6] the log is kept for a time', () => {
  test('there is a partition for yesterday, today and each of the coming seven days, and making them again changes nothing', async () => {
    await using hub = await startHub()
    const days = Array.from({ length: 9 }, (_, place) => partitionOf(daysAgo(1 - place)))
    expect(await partitions(hub)).toEqual([...days, 'events_default'])
    expect(await maintain(hub)).toEqual([])
    await write(hub, 1)
    expect(await asOwner(hub, `select 1 from ${partitionOf(new Date())}`)).toHaveLength(1)
  })

  test('a day that is too old is dropped as a whole; whoever stands before it is told, whoever stands behind it goes on', async () => {
    await using hub = await startHub()
    await write(hub, 3)
    await age(hub, 32)
    await write(hub, 2)
    expect(await maintain(hub)).toEqual([`dropped ${partitionOf(daysAgo(32))}`])
    expect(await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 2 }, 100)).toBe('trimmed')
    const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 3 }, 100)
    expect(page).toMatchObject({ events: [{ seq: 4 }, { seq: 5 }] })
    expect(await readHead(hub.deps, hub.tenant.id)).toEqual({ epoch: 1, seq: 5 })
  })

  test('a day on the edge is kept', async () => {
    await using hub = await startHub()
    await write(hub, 1)
    await age(hub, 30)
    expect(await maintain(hub)).toEqual([])
    expect(await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 0 }, 100)).toMatchObject({
      events: [{ seq: 1 }],
    })
  })

  test('without a partition for today nothing waits: events go to the net below, and are read from there', async () => {
    await using hub = await startHub()
    await asOwner(hub, `drop table ${partitionOf(new Date())}`)
    await write(hub, 2)
    expect(await asOwner(hub, 'select 1 from events_default')).toHaveLength(2)
    // The day stays where it is, because its partition could not be attached over rows that are in the net.
    expect(await maintain(hub)).toEqual([])
    await write(hub, 1)
    expect(await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 0 }, 100)).toMatchObject({
      events: [{ seq: 1 }, { seq: 2 }, { seq: 3 }],
    })
  })
})
