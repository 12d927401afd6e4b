import { describe, expect, test } from 'vitest'
import type { EventData } from '../../src/contract/events/catalogue.ts'
import { readEvents, readHead } from '../../src/log/read.ts'
import { encodeEvent } from '../../src/log/stored-event.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import type { Scope } from '../../src/log/scope.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { type Hub, startHub } from '../harness/hub.ts'

const fact = (): EventData<'channel.removed'> => ({ channelId: uuidv7() })

async function write(hub: Hub, events: number): Promise<void> {
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    for (let n = 0; n < events; n++) tx.record('channel.removed', fact(), { kind: 'tenant' })
  })
}

async function readAll(hub: Hub, from = { epoch: 1, seq: 0 }) {
  const page = await readEvents(hub.deps, hub.tenant.id, from, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page
}

describe('the tenant transaction', () => {
  test('[LOG1] [LOG2] parallel writers leave a log without holes, in commit order', async () => {
    await using hub = await startHub()
    await Promise.all(Array.from({ length: 60 }, (_, n) => write(hub, (n % 3) + 1)))
    const { events, head } = await readAll(hub)
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 120 }, (_, n) => n + 1))
    expect(head).toEqual({ epoch: 1, seq: 120 })
  })

  test('[LOG3] what is rolled back is neither kept nor announced, and leaves no hole', async () => {
    await using hub = await startHub()
    const failing = inTenant(hub.deps, hub.tenant.id, async (tx) => {
      tx.record('channel.removed', fact(), { kind: 'tenant' })
      await tx.query('update tenants set name = $2 where id = $1', [hub.tenant.id, 'changed'])
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    await write(hub, 1)
    const { events } = await readAll(hub)
    expect(events.map((event) => event.seq)).toEqual([1])
    const { rows } = await hub.deps.db.read.query('select name from find_tenant($1)', [hub.tenant.id])
    expect(rows).toEqual([{ name: 'Main' }])
  })

  describe('[LOG3] a statement that nobody waits for', () => {
    const name = async (hub: Hub) =>
      (await hub.deps.db.read.query<{ name: string }>('select name from find_tenant($1)', [hub.tenant.id]))
        .rows[0]?.name
    const rename = 'update tenants set name = $2 where id = $1'

    test('is part of the transaction, in its place', async () => {
      await using hub = await startHub()
      const seen = await inTenant(hub.deps, hub.tenant.id, async (tx) => {
        tx.run(rename, [hub.tenant.id, 'once'])
        const rows = await tx.query('select name from tenants')
        tx.run(rename, [hub.tenant.id, 'twice'])
        return rows
      })
      expect(seen).toEqual([{ name: 'once' }])
      expect(await name(hub)).toBe('twice')
    })

    test.each([
      [
        'the database refuses',
        'insert into teams (tenant_id) values ($1)',
        (hub: Hub): unknown[] => [hub.tenant.id],
        '23502',
      ],
      [
        'never gets there',
        'select $1',
        (): unknown[] => [
          {
            toPostgres: () => {
              throw Object.assign(new Error('unfit'), { code: 'unfit' })
            },
          },
        ],
        'unfit',
      ],
    ] as const)('that %s takes everything back and tells why', async (_, text, values, code) => {
      await using hub = await startHub()
      const failing = inTenant(hub.deps, hub.tenant.id, async (tx) => {
        await tx.query(rename, [hub.tenant.id, 'changed'])
        tx.record('channel.removed', fact(), { kind: 'tenant' })
        tx.run(text, values(hub))
      })
      await expect(failing).rejects.toMatchObject({ code })
      const later = inTenant(hub.deps, hub.tenant.id, async (tx) => {
        tx.run(text, values(hub))
        // Asked behind it, this fails because of it.
        await tx.query('select 1')
        tx.record('channel.removed', fact(), { kind: 'tenant' })
      })
      await expect(later).rejects.toMatchObject({ code })
      expect(await name(hub)).toBe('Main')
      expect(await readHead(hub.deps, hub.tenant.id)).toEqual({ epoch: 1, seq: 0 })
      await write(hub, 1)
      expect(await readHead(hub.deps, hub.tenant.id)).toEqual({ epoch: 1, seq: 1 })
    })

    test('and fails inside an attempt takes back that part alone', async () => {
      await using hub = await startHub()
      await inTenant(hub.deps, hub.tenant.id, async (tx) => {
        await tx.query(rename, [hub.tenant.id, 'changed'])
        const part = tx.attempt(async () => {
          await tx.query(rename, [hub.tenant.id, 'taken back'])
          tx.run('insert into teams (tenant_id) values ($1)', [hub.tenant.id])
        })
        await expect(part).rejects.toMatchObject({ code: '23502' })
      })
      expect(await name(hub)).toBe('changed')
    })

    test('and in one branch of an attempt, with all that another branch still does', async () => {
      await using hub = await startHub()
      await inTenant(hub.deps, hub.tenant.id, async (tx) => {
        await tx.query(rename, [hub.tenant.id, 'changed'])
        const slow = async () => {
          await tx.query('select 1')
          for (let microtasks = 0; microtasks < 100; microtasks++) await Promise.resolve()
          tx.record('channel.removed', { channelId: uuidv7() }, { kind: 'tenant' })
          await tx.query(rename, [hub.tenant.id, 'of a part that was taken back'])
        }
        const part = tx.attempt(() => Promise.all([slow(), tx.query('select 1 / 0')]))
        await expect(part).rejects.toMatchObject({ code: '22012' })
      })
      expect(await name(hub)).toBe('changed')
      expect(await readHead(hub.deps, hub.tenant.id)).toEqual({ epoch: 1, seq: 0 })
    })
  })

  test('[LOG4] an event that does not fit its schema, or whose scope nobody knows, stops the transaction', async () => {
    await using hub = await startHub()
    const recording = (channelId: string, scope: object) =>
      inTenant(hub.deps, hub.tenant.id, async (tx) =>
        tx.record('channel.removed', { channelId }, scope as Scope),
      )
    await expect(recording('not a uuid', { kind: 'tenant' })).rejects.toThrow('Invalid UUID')
    await expect(recording(uuidv7(), { kind: 'tenant', unheard: 'of' })).rejects.toThrow('Unrecognized key')
    await expect(recording(uuidv7(), { kind: 'user', userId: 'not a uuid' })).rejects.toThrow('Invalid UUID')
    expect(await readHead(hub.deps, hub.tenant.id)).toEqual({ epoch: 1, seq: 0 })
  })

  test('[TEN2] rows of another tenant do not exist inside it', async () => {
    await using hub = await startHub()
    const other = await hub.addTenant()
    await inTenant(hub.deps, other.id, async (tx) => {
      expect(await tx.query('select id from tenants')).toEqual([{ id: other.id }])
    })
    const writing = inTenant(hub.deps, other.id, (tx) =>
      tx.query('insert into teams (tenant_id, id, name) values ($1, $2, $3)', [
        hub.tenant.id,
        uuidv7(),
        'theirs',
      ]),
    )
    await expect(writing).rejects.toThrow('row-level security')
    const { rows } = await hub.deps.db.write.query('select * from tenants')
    expect(rows).toEqual([])
  })

  test('a failed statement that was ignored is not taken for a success', async () => {
    await using hub = await startHub()
    const careless = inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query('select 1 / 0').catch(() => {})
    })
    await expect(careless).rejects.toThrow('rolled back')
    const late = inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query('select 1')
      await tx.query('select 1 / 0').catch(() => {})
    })
    await expect(late).rejects.toThrow('rolled back')
  })

  test('[TEN2] work that goes on after the end of its transaction reaches no other one, committed or failed', async () => {
    await using hub = await startHub()
    const late: Promise<string>[] = []
    const goOn = (ask: () => Promise<unknown>): void => {
      const later = async () => {
        // Longer than the rest of the transaction takes.
        await inTenant(hub.deps, hub.tenant.id, (tx) => tx.query('select 1'))
        return ask()
      }
      late.push(
        later().then(
          () => 'answered',
          (error: Error) => error.message,
        ),
      )
    }
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query('select 1')
      goOn(() => tx.query('select 2'))
    })
    const failing = inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query('select 1')
      goOn(() => tx.query('select 2'))
      throw new Error('it failed')
    })
    await expect(failing).rejects.toThrow('it failed')
    const reading = readTenant(hub.deps, hub.tenant.id, async (query) => {
      await query('select 1')
      goOn(() => query('select 2'))
      throw new Error('it failed')
    })
    await expect(reading).rejects.toThrow('it failed')
    expect(await Promise.all(late)).toEqual([
      'asked after the end of its transaction',
      'asked after the end of its transaction',
      'a reader asked for more after its end',
    ])
  })

  test('a failure names who asked', async () => {
    await using hub = await startHub()
    const failing = inTenant(hub.deps, hub.tenant.id, async function whoAsked(tx) {
      await tx.query('select 1')
      await tx.query('select 1 / 0')
    })
    await expect(failing).rejects.toMatchObject({ stack: expect.stringContaining('whoAsked') })
  })

  test('a collision is tried again and seen by nobody', async () => {
    await using hub = await startHub()
    let tries = 0
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      tries += 1
      tx.record('channel.removed', fact(), { kind: 'tenant' })
      if (tries < 3) await tx.query(`do $$ begin raise exception 'collision' using errcode = '40P01'; end $$`)
    })
    expect(tries).toBe(3)
    expect((await readAll(hub)).events).toHaveLength(1)
  })
})

describe('[LOG5] reading from a position', () => {
  test('at the head there is nothing; one before there is one', async () => {
    await using hub = await startHub()
    await write(hub, 5)
    expect((await readAll(hub, { epoch: 1, seq: 5 })).events).toEqual([])
    expect((await readAll(hub, { epoch: 1, seq: 4 })).events.map((event) => event.seq)).toEqual([5])
  })

  test.each([
    ['from the future', { epoch: 1, seq: 6 }, 'future'],
    ['of another epoch', { epoch: 2, seq: 1 }, 'epoch'],
    ['too far behind', { epoch: 1, seq: 1 }, 'too_far'],
  ] as const)('%s', async (_, position, reason) => {
    await using hub = await startHub()
    await write(hub, 5)
    expect(await readEvents(hub.deps, hub.tenant.id, position, 100, 3)).toBe(reason)
  })

  test('trimmed', async () => {
    await using hub = await startHub()
    await write(hub, 5)
    await trim(hub)
    expect(await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 2 }, 100)).toBe('trimmed')
    await write(hub, 1)
    expect((await readAll(hub, { epoch: 1, seq: 5 })).events.map((event) => event.seq)).toEqual([6])
    expect(await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 4 }, 100)).toBe('trimmed')
  })

  test('an event is encoded as clients get it', async () => {
    await using hub = await startHub()
    await write(hub, 1)
    const [event] = (await readAll(hub)).events
    if (!event) throw new Error('no event')
    expect(JSON.parse(encodeEvent(event))).toMatchObject({
      seq: 1,
      epoch: 1,
      type: 'channel.removed',
      actor: { kind: 'system' },
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      data: { channelId: expect.any(String) },
    })
  })
})

/** Drops what was written today, as retention will one day. */
async function trim(hub: Hub): Promise<void> {
  const { default: pg } = await import('pg')
  const owner = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await owner.connect()
  await owner.query('truncate events')
  await owner.end()
}
