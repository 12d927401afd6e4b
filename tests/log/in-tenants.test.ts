import pg from 'pg'
import { expect, test } from 'vitest'
import type { EventData } from '../../src/contract/events/catalogue.ts'
import { inTenants } from '../../src/log/in-tenants.ts'
import { pagesOf } from '../../src/log/news.ts'
import { readEvents } from '../../src/log/read.ts'
import { inTenant, type TenantTx } from '../../src/log/tenant-tx.ts'
import { verifyLog } from '../../src/log/verify-log.ts'
import type { Connection } from '../../src/platform/corked-client.ts'
import type { Statement } from '../../src/platform/statement-run.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { waitingForLocks } from '../harness/database.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'

const system = { kind: 'system' } as const
const longLockMs = 5000
const fact = (): EventData<'channel.removed'> => ({ channelId: uuidv7() })

/** A hub with several tenants, whose bells are kept. */
async function startShared(tenants: number) {
  const hub = await startHub()
  const ids = [hub.tenant.id]
  while (ids.length < tenants) ids.push((await hub.addTenant()).id)
  const rung: { tenantId: string; news: string | undefined }[] = []
  const ring = (tenantId: string, news?: string) => void rung.push({ tenantId, news })
  const doorbell = { ...hub.deps.doorbell, newsBytes: 100_000, ring }
  const together = <T>(work: (tx: TenantTx) => Promise<T>, lockMs = longLockMs, of = ids) =>
    inTenants(
      { ...hub.deps, doorbell },
      of.map((tenantId) => ({ tenantId, work })),
      system,
      lockMs,
    )
  return { ...hub, ids, rung, together }
}

async function eventsOf(hub: Hub, tenantId: string) {
  const page = await readEvents(hub.deps, tenantId, { epoch: 1, seq: 0 }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events
}

async function addTeam(tx: TenantTx, name: string): Promise<void> {
  await tx.query('insert into teams (tenant_id, id, name) values ($1, $2, $3)', [tx.tenantId, uuidv7(), name])
}
const teams = (tx: TenantTx) => tx.query<{ name: string }>('select name from teams order by name')

test('[LOG9] each tenant of a shared transaction sees, writes and records its own, and hears of it as from a transaction of its own', async () => {
  await using hub = await startShared(3)
  const [first, , third] = hub.ids as [string, string, string]
  const seen = await hub.together(async (tx) => {
    await addTeam(tx, `team of ${tx.tenantId}`)
    if (tx.tenantId !== third) tx.record('channel.removed', fact(), { kind: 'tenant' })
    if (tx.tenantId === first) tx.record('channel.removed', fact(), { kind: 'managers' })
    return (await teams(tx)).map(({ name }) => name)
  })
  expect(seen).toEqual(hub.ids.map((id) => [`team of ${id}`]))
  const logs = await Promise.all(hub.ids.map((id) => eventsOf(hub, id)))
  expect(logs.map((log) => log.map(({ seq }) => seq))).toEqual([[1, 2], [1], []])
  expect(hub.rung.map(({ tenantId }) => tenantId)).toEqual(hub.ids.slice(0, 2))
  const told = pagesOf(hub.rung.map(({ news }) => news ?? ''))
  expect(told.map(({ events }) => events)).toEqual(expect.arrayContaining([logs[0], logs[1]]))
})

test('[LOG9] all of it happens or nothing', async () => {
  await using hub = await startShared(3)
  const last = hub.ids.at(-1)
  const failing = hub.together(async (tx) => {
    await addTeam(tx, 'a team')
    tx.record('channel.removed', fact(), { kind: 'tenant' })
    if (tx.tenantId === last) await tx.query('select 1 / 0')
  })
  await expect(failing).rejects.toMatchObject({ code: '22012' })
  expect(await hub.together(teams)).toEqual([[], [], []])
  expect(hub.rung).toEqual([])
  for (const id of hub.ids) expect(await eventsOf(hub, id)).toEqual([])
  const unheeded = hub.together((tx) => {
    if (tx.tenantId === last) tx.run('select 1 / 0')
    return Promise.resolve()
  })
  await expect(unheeded).rejects.toMatchObject({ code: '22012' })
})

test('[LOG9] a value that cannot be sent fails all of it too, though the server never hears of it', async () => {
  await using hub = await startShared(2)
  const unsendable = {
    toJSON: () => {
      throw new Error('cannot be sent')
    },
  }
  const failing = hub.together(async (tx) => {
    await addTeam(tx, 'a team')
    tx.record('channel.removed', fact(), { kind: 'tenant' })
    if (tx.tenantId === hub.ids[1]) tx.run('select $1::json', [unsendable])
  })
  await expect(failing).rejects.toThrow('cannot be sent')
  expect(await hub.together(teams)).toEqual([[], []])
  for (const id of hub.ids) expect(await eventsOf(hub, id)).toEqual([])
})

test('[LOG9] when one fails in the turn in which another asked, what that one asked is not done behind the rollback', async () => {
  await using hub = await startShared(2)
  const [first] = hub.ids
  const gathered =
    'update tenant_heads h set epoch = w.epoch from json_to_recordset($1) as w(tenant_id uuid, epoch integer) where h.tenant_id = w.tenant_id'
  const asks: ((tx: TenantTx) => void)[] = [
    (tx) =>
      tx.run('insert into teams (tenant_id, id, name) values ($1, $2, $3)', [tx.tenantId, uuidv7(), 'ghost']),
    (tx) => tx.runGathered(gathered, [{ epoch: 77 }]),
  ]
  for (const ask of asks) {
    const failing = hub.together(async (tx) => {
      // As in the message path: what is a tenant's own came last, so only its rows can be seen.
      await teams(tx)
      if (tx.tenantId === first) ask(tx)
      else throw new Error('of the other')
    })
    await expect(failing).rejects.toThrow('of the other')
    const left = await hub.together(async (tx) => [
      await teams(tx),
      (await tx.query<{ epoch: number }>('select epoch from tenant_heads')).map(({ epoch }) => epoch),
    ])
    expect(left).toEqual([
      [[], [1]],
      [[], [1]],
    ])
  }
})

test('[LOG9] what could not be begun does nothing at all', async () => {
  await using hub = await startShared(2)
  const { db } = hub.deps
  const connect = async () => {
    const client = (await db.write.connect()) as Connection
    const ask = (asked: Statement) => client.ask(asked.text === 'begin' ? { text: 'select 1 / 0' } : asked)
    return { ask, query: client.query.bind(client), release: client.release.bind(client) }
  }
  const deps = { ...hub.deps, db: { ...db, write: { connect } as unknown as typeof db.write } }
  const insert = (tx: TenantTx) =>
    tx.run('insert into teams (tenant_id, id, name) values ($1, $2, $3)', [tx.tenantId, uuidv7(), 'ghost'])
  const works = [
    (tx: TenantTx) => Promise.resolve(insert(tx)),
    async (tx: TenantTx) => {
      // Later than what begins it.
      await new Promise(setImmediate)
      insert(tx)
    },
    (tx: TenantTx) => addTeam(tx, 'ghost'),
  ]
  for (const work of works) {
    const shares = hub.ids.map((tenantId) => ({ tenantId, work }))
    await expect(inTenants(deps, shares, system, longLockMs)).rejects.toMatchObject({ code: '22012' })
    expect(await hub.together(teams)).toEqual([[], []])
  }
})

test('[LOG9] it fails for what nobody waited for, also when another ran into that', async () => {
  await using hub = await startShared(2)
  const [first] = hub.ids
  const failing = hub.together(async (tx) => {
    if (tx.tenantId === first) {
      await tx.query('select 1')
      tx.run('select 1 / 0')
      return
    }
    for (let n = 0; n < 50; n++) await tx.query('select 1')
  })
  await expect(failing).rejects.toMatchObject({ code: '22012' })
})

test('[LOG9] who gets no connection in time is told that it is unavailable', async () => {
  await using hub = await startHub({ DATABASE_POOL: '2', DATABASE_WAIT_MS: '100' })
  const held = [await hub.deps.db.write.connect(), await hub.deps.db.write.connect()]
  const shares = [{ tenantId: hub.tenant.id, work: teams }]
  await expect(inTenants(hub.deps, shares, system, longLockMs)).rejects.toMatchObject({ code: 'unavailable' })
  for (const client of held) client.release()
})

test('[LOG9] it fails for why it could not be begun', async () => {
  await using hub = await startShared(2)
  await expect(hub.together(teams, -1)).rejects.toMatchObject({ code: '22023' })
  await expect(hub.together(teams, longLockMs, ['nobody'])).rejects.toMatchObject({ code: 'not_found' })
})

test('[LOG9] it fails for what failed first, whichever tenant that was of', async () => {
  await using hub = await startShared(2)
  const [first] = hub.ids
  const failed = Promise.withResolvers<void>()
  const failing = hub.together(async (tx) => {
    if (tx.tenantId === first) {
      await failed.promise
      await tx.query('select 1')
      return
    }
    await tx.query('select 1 / 0').finally(() => failed.resolve())
  })
  await expect(failing).rejects.toMatchObject({ code: '22012' })
})

test('[LOG9] what several tenants ask of a gathered statement in one turn is one statement, and each gets its own rows', async () => {
  await using hub = await startShared(3)
  const own =
    'select h.tenant_id, h.seq, w.n from json_to_recordset($1) as w(tenant_id uuid, n integer) join tenant_heads h on h.tenant_id = w.tenant_id order by w.n desc'
  const backends = await hub.together(async (tx) => {
    const [both, none] = await Promise.all([
      tx.gather<{ tenant_id: string; n: number }>(own, [{ n: 1 }, { n: 2, tenant_id: hub.ids[0] }]),
      tx.gather(own, []),
    ])
    expect(both.map((row) => [row.tenant_id, row.n])).toEqual([
      [tx.tenantId, 2],
      [tx.tenantId, 1],
    ])
    expect(none).toEqual([])
    // Each in its order, whatever the others ask for meanwhile.
    tx.runGathered(
      'update tenant_heads h set epoch = w.epoch from json_to_recordset($1) as w(tenant_id uuid, epoch integer) where h.tenant_id = w.tenant_id',
      [{ epoch: 7 + hub.ids.indexOf(tx.tenantId) }],
    )
    const [head] = await tx.query<{ epoch: number }>('select epoch from tenant_heads')
    expect(head?.epoch).toBe(7 + hub.ids.indexOf(tx.tenantId))
    const counted =
      'select w.tenant_id, count(*) over ()::integer as rows from json_to_recordset($1) as w(tenant_id uuid)'
    return (await tx.gather<{ rows: number }>(counted, [{}]))[0]?.rows
  })
  expect(backends).toEqual([3, 3, 3])
  const alone = await inTenant(hub.deps, hub.tenant.id, (tx) => tx.gather<{ n: number }>(own, [{ n: 7 }]))
  expect(alone).toMatchObject([{ n: 7 }])
})

test('[LOG9] a gathered statement reaches no row of a tenant that has no part in the transaction, whatever it names', async () => {
  await using hub = await startShared(3)
  const [first, second, third] = hub.ids as [string, string, string]
  const found = await hub.together(
    (tx) =>
      tx.gather<{ id: string }>(
        'select w.tenant_id, t.id from json_to_recordset($1) as w(tenant_id uuid, id uuid) join tenants t on t.id = w.id',
        [{ id: third }, { id: tx.tenantId }],
      ),
    longLockMs,
    [first, second],
  )
  expect(found.map((rows) => rows.map(({ id }) => id))).toEqual([[first], [second]])
})

test('[LOG9] [LOG1] [LOG2] shared and own transactions of the same tenants leave logs without holes, in commit order', async () => {
  await using hub = await startShared(5)
  const work = (tx: TenantTx) => {
    for (let n = 0; n < 2; n++) tx.record('channel.removed', fact(), { kind: 'tenant' })
    return Promise.resolve()
  }
  const halves = [hub.ids, hub.ids.toReversed(), hub.ids.slice(1), hub.ids.slice(0, 3)]
  await Promise.all([
    ...Array.from({ length: 40 }, (_, n) => hub.together(work, longLockMs, halves[n % halves.length])),
    ...Array.from({ length: 40 }, (_, n) => inTenant(hub.deps, hub.ids[n % 5] ?? '', work)),
  ])
  for (const id of hub.ids) {
    const report = await verifyLog(hub.deps, id, { page: 1000, mostFindings: 10 })
    expect(report).toMatchObject({ findings: [], head: expect.stringMatching(/^1:/) })
    const events = await eventsOf(hub, id)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, n) => n + 1))
    const moments = events.map(({ at }) => at)
    expect(moments).toEqual(moments.toSorted())
  }
})

test('[LOG9] a row that somebody else holds is waited for as long as was said, and no longer', async () => {
  await using hub = await startShared(2)
  const holder = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await holder.connect()
  hub.onClose(() => holder.end())
  const [, second] = hub.ids
  await holder.query('begin')
  await holder.query('select 1 from tenants where id = $1 for update', [second])
  const rename = (tx: TenantTx) => tx.query(`update tenants set name = 'new' where id = $1`, [tx.tenantId])
  await expect(hub.together(rename, 50)).rejects.toMatchObject({ code: '55P03' })
  const patient = hub.together(rename)
  await eventually(async () => {
    expect(await waitingForLocks(hub)).toBe(1)
  })
  await holder.query('rollback')
  await patient
  expect(await hub.together((tx) => tx.query('select name from tenants'))).toEqual([
    [{ name: 'new' }],
    [{ name: 'new' }],
  ])
})

test('[LOG9] the trail of each tenant is written with its change', async () => {
  await using hub = await startShared(2)
  await hub.together((tx) => {
    tx.audit({
      actor: system,
      action: 'team.create',
      entity: 'team',
      entity_id: '1',
      before: null,
      after: { name: tx.tenantId },
      ip: null,
      request_id: null,
    })
    return Promise.resolve()
  })
  const trails = await hub.together((tx) =>
    tx.query(`select after from audit_logs where action = 'team.create'`),
  )
  expect(trails).toEqual(hub.ids.map((id) => [{ after: { name: id } }]))
})
