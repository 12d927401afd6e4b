import { promisify } from 'node:util'
import pg from 'pg'
import { expect, test } from 'vitest'
import { openDeps } from '../../src/deps.ts'
import { type Ingest, openIngest } from '../../src/domain/webhooks/ingest.ts'
import { pagesOf } from '../../src/log/news.ts'
import { readEvents } from '../../src/log/read.ts'
import { verifyLog } from '../../src/log/verify-log.ts'
import type { Environment } from '../../src/platform/config.ts'
import type { Connection } from '../../src/platform/corked-client.ts'
import type { Statement } from '../../src/platform/statement-run.ts'
import type { CloudNumber } from '../webhooks/intake-hub.ts'
import { addLogin, waitingForLocks } from '../harness/database.ts'
import { eventually } from '../harness/eventually.ts'
import { delivery, person, statusOf, wamid, written } from './cloud-bodies.ts'
import { startIngest } from './ingest-hub.ts'

const turn = promisify(setImmediate)

interface Office {
  readonly tenantId: string
  readonly number: CloudNumber
}

/** Offices of as many tenants with a number each, and an intake that keeps its bells. */
async function startOffices(count: number, more: Environment = {}) {
  const hub = await startIngest({ WEBHOOK_LANES: '2', ...more })
  const offices: Office[] = [{ tenantId: hub.hub.tenant.id, number: hub.number }]
  while (offices.length < count) {
    const tenant = await hub.hub.addTenant()
    offices.push({ tenantId: tenant.id, number: await hub.addNumber({ tenant: tenant.id }) })
  }
  const rung: { tenantId: string; news: string | undefined }[] = []
  const ring = (tenantId: string, news?: string) => void rung.push({ tenantId, news })
  const doorbell = { ...hub.hub.deps.doorbell, newsBytes: 100_000, ring }
  const ingest = openIngest({ ...hub.hub.deps, doorbell }, () => {})
  hub.hub.onClose(() => ingest.close())
  const holder = new pg.Client({ connectionString: hub.hub.config.DATABASE_URL })
  await holder.connect()
  hub.hub.onClose(() => holder.end())
  return {
    ...hub,
    offices,
    rung,
    ingest,
    holder,
    write: async ({ number }: Office, ...values: Record<string, unknown>[]) => {
      const answer = await hub.post(number, delivery(number, values))
      if (answer.status !== 200) throw new Error(`the delivery was answered ${answer.status}`)
    },
    look: (some: readonly Office[], by: Ingest = ingest) =>
      some.map(({ tenantId, number }) => by.wake({ tenantId, channelId: number.channelId })),
    /** How many deliveries were processed in each transaction, by the moment that its rows share. */
    transactions: async () =>
      (
        await hub.asOwner<{ count: number }>(
          'select count(*)::integer from webhook_inbox where processed_at is not null group by processed_at order by processed_at',
        )
      ).map(({ count: deliveries }) => deliveries),
    /** What there is of a tenant, in the order of its conversations. */
    texts: async ({ tenantId }: Office) =>
      (
        await hub.asOwner<{ text: string }>(
          'select text from messages where tenant_id = $1 order by conversation_id, seq',
          [tenantId],
        )
      ).map(({ text }) => text),
    /** Another process has the inbox of an office. */
    hold: ({ number }: Office) =>
      holder.query(`select pg_advisory_lock(hashtextextended('switchboard ingest ' || $1, 0))`, [
        number.channelId,
      ]),
  }
}

test('[IN10] what waits for numbers of several tenants is one transaction, and is to each of them what it is alone', async () => {
  await using hub = await startOffices(4)
  const [first, second, third, fourth] = hub.offices as [Office, Office, Office, Office]
  const [cora, dan] = [person('Cora'), person('Dan')]
  const asked = wamid()
  // The same people write to all of them; then one has an answer, one somebody new, one only news
  // of an unknown message, and one is told again what it knows.
  for (const office of hub.offices)
    await hub.write(office, written(cora, 'hello', { id: `${asked}${office.tenantId}` }))
  expect(await Promise.all(hub.look(hub.offices))).toEqual([1, 1, 1, 1])
  await hub.write(first, written(cora, 'again', { replyTo: `${asked}${first.tenantId}` }))
  await hub.write(second, written({ ...cora, name: 'Cora Smith' }, 'renamed'), written(dan, 'new here'))
  await hub.write(third, statusOf(wamid(), 'delivered'))
  await hub.write(fourth, written(cora, 'hello', { id: `${asked}${fourth.tenantId}` }), written(cora, 'more'))
  expect(await Promise.all(hub.look(hub.offices))).toEqual([1, 1, 1, 1])
  expect(await hub.transactions()).toEqual([4, 4])
  expect(await hub.texts(first)).toEqual(['hello', 'again'])
  expect((await hub.texts(second)).toSorted()).toEqual(['hello', 'new here', 'renamed'])
  expect([await hub.texts(third), await hub.texts(fourth)]).toEqual([['hello'], ['hello', 'more']])
  const [reply] = await hub.asOwner<{ answers: string }>(
    `select q.text as answers from messages m join messages q on q.tenant_id = m.tenant_id and q.id = m.reply_to_id where m.text = 'again'`,
  )
  expect(reply?.answers).toBe('hello')
  const contacts = await hub.asOwner(
    'select first_name as name, count(*)::integer from contacts group by 1 order by 1',
  )
  expect(contacts).toEqual([
    { name: 'Cora', count: 3 },
    { name: 'Cora Smith', count: 1 },
    { name: 'Dan', count: 1 },
  ])
  for (const { tenantId } of hub.offices) {
    const report = await verifyLog(hub.hub.deps, tenantId, { page: 1000, mostFindings: 10 })
    expect(report.findings).toEqual([])
    const page = await readEvents(hub.hub.deps, tenantId, { epoch: 1, seq: 0 }, 1000)
    if (typeof page === 'string') throw new Error(page)
    // Each was told at its commit what a reader of the log finds, places and the numbers of contacts included.
    const told = pagesOf(hub.rung.filter((one) => one.tenantId === tenantId).map(({ news }) => news ?? ''))
    const first = page.events.findIndex(({ type }) => type === 'contact.created')
    expect(told.flatMap(({ events }) => events)).toEqual(page.events.slice(first))
  }
})

test('[IN10] at most WEBHOOK_TOGETHER tenants share a transaction, and no tenant has two numbers in one', async () => {
  await using hub = await startOffices(3, { WEBHOOK_TOGETHER: '3' })
  for (const office of hub.offices) await hub.write(office, written(person(), 'hello'))
  await Promise.all(hub.look(hub.offices))
  expect(await hub.transactions()).toEqual([3])

  await using fewer = await startOffices(3, { WEBHOOK_TOGETHER: '2' })
  for (const office of fewer.offices) await fewer.write(office, written(person(), 'hello'))
  await Promise.all(fewer.look(fewer.offices))
  expect((await fewer.transactions()).toSorted((one, other) => one - other)).toEqual([1, 2])

  await using same = await startOffices(1, { WEBHOOK_TOGETHER: '3' })
  const [own] = same.offices as [Office]
  const both = [own, { ...own, number: await same.addNumber() }]
  for (const office of both) await same.write(office, written(person(), 'hello'))
  await Promise.all(same.look(both))
  expect(await same.transactions()).toEqual([1, 1])
})

test('[IN10] [IN2] a shared transaction takes WEBHOOK_BATCH_BYTES at most, a part of it from each number', async () => {
  const long = 'x'.repeat(10_000)
  const look = async (bytes: string) => {
    await using hub = await startOffices(3, { WEBHOOK_BATCH_BYTES: bytes })
    for (const office of [...hub.offices, ...hub.offices]) await hub.write(office, written(person(), long))
    expect(await Promise.all(hub.look(hub.offices))).toEqual([2, 2, 2])
    return await hub.transactions()
  }
  expect(await look('75000')).toEqual([6])
  expect(await look('45000')).toEqual([3, 3])
  // One is taken always, and what is behind it is not forgotten.
  expect(await look('15000')).toEqual([3, 3])
})

test('[IN10] [IN2] a shared transaction takes WEBHOOK_BATCH deliveries at most, a part of them from each number', async () => {
  await using hub = await startOffices(2, { WEBHOOK_BATCH: '4' })
  for (const office of hub.offices)
    for (let n = 0; n < 3; n++) await hub.write(office, written(person(), `hello ${n}`))
  expect(await Promise.all(hub.look(hub.offices))).toEqual([3, 3])
  expect(await hub.transactions()).toEqual([4, 2])
})

test('[IN10] [IN9] an inbox that somebody else has holds up nobody, and is looked at when it is free', async () => {
  await using hub = await startOffices(3)
  const [, second] = hub.offices as [Office, Office, Office]
  await hub.hold(second)
  for (const office of hub.offices) await hub.write(office, written(person(), 'hello'))
  const [one, held, other] = hub.look(hub.offices)
  expect(await Promise.all([one, other])).toEqual([1, 1])
  // Nor does it later, while it waits in a lane of its own.
  const free = hub.offices.filter((office) => office !== second)
  for (const office of free) await hub.write(office, written(person(), 'and then'))
  expect(await Promise.all(hub.look(free))).toEqual([1, 1])
  expect(await hub.texts(second)).toEqual([])
  await hub.holder.end()
  expect(await held).toBe(1)
  expect(await hub.texts(second)).toEqual(['hello'])
})

test('[IN10] [IN9] who has more than a part of a look does not wait behind an inbox that somebody else has', async () => {
  await using hub = await startOffices(2, { WEBHOOK_BATCH: '4' })
  const [busy, held] = hub.offices as [Office, Office]
  await hub.hold(held)
  await hub.write(held, written(person(), 'hello'))
  const texts = Array.from({ length: 9 }, (_, n) => `message ${n}`)
  for (const text of texts) await hub.write(busy, written(person(), text))
  const [many, waiting] = hub.look([busy, held])
  expect(await many).toBe(texts.length)
  await eventually(async () => expect(await waitingForLocks(hub.hub)).toBe(1))
  for (const text of texts) await hub.write(busy, written(person(), text))
  expect(await Promise.all(hub.look([busy]))).toEqual([texts.length])
  expect(await hub.texts(held)).toEqual([])
  await hub.holder.end()
  expect(await waiting).toBe(1)
})

test('[IN10] [IN9] an intake that is closed during a look takes up nothing that was left for later', async () => {
  await using hub = await startOffices(2)
  const [, second] = hub.offices as [Office, Office]
  await hub.hold(second)
  for (const office of hub.offices) await hub.write(office, written(person(), 'hello'))
  const looks = hub.look(hub.offices)
  await turn()
  await hub.ingest.close()
  const open = turn().then(() => 'still waits')
  expect(await Promise.all(looks.map((look) => Promise.race([look, open])))).toEqual([1, 0])
  await hub.holder.end()
  expect((await hub.inbox()).map(({ state }) => state)).toEqual(['done', 'new'])
})

test('[IN9] a busy number that somebody had for a moment goes on in turns, and takes up no more once the intake is closed', async () => {
  for (const lanes of ['1', '2']) {
    await using hub = await startOffices(3, { WEBHOOK_LANES: lanes, WEBHOOK_BATCH: '1' })
    const [busy, small, healthy] = hub.offices as [Office, Office, Office]
    await hub.hold(busy)
    await hub.hold(small)
    for (let n = 0; n < 30; n++) await hub.write(busy, written(person(), `message ${n}`))
    await hub.write(small, written(person(), 'hello'))
    const [many, few] = hub.look([busy, small])
    await eventually(async () => expect(await waitingForLocks(hub.hub)).toBe(1))
    await hub.write(healthy, written(person(), 'hello'))
    const [other] = hub.look([healthy])
    await hub.holder.end()
    expect(await Promise.all([few, other])).toEqual([1, 1])
    const atClosing = (await hub.texts(busy)).length
    await hub.ingest.close()
    const left = await many
    expect(left).toBeLessThanOrEqual(atClosing + 1)
    expect(left).toBeLessThan(30)
    expect(await hub.texts(busy)).toHaveLength(left ?? 0)
  }
})

test('[IN9] an intake is not free for more while what was just named fills it', async () => {
  await using hub = await startOffices(1, { WEBHOOK_LANES: '1' })
  const [own] = hub.offices as [Office]
  await hub.hold(own)
  await hub.write(own, written(person(), 'hello'))
  const looks = hub.look([own])
  let isFree = false
  const free = hub.ingest.free().then(() => {
    isFree = true
  })
  await eventually(async () => {
    expect(await waitingForLocks(hub.hub)).toBe(1)
  })
  expect(isFree).toBe(false)
  await hub.holder.end()
  expect(await Promise.all(looks)).toEqual([1])
  await free
})

test('[IN10] [IN3] a delivery that fails is done by itself; the others of its transaction are done all the same, once', async () => {
  await using hub = await startOffices(3)
  await hub.asOwner(
    `create function refuse() returns trigger language plpgsql as $$ begin
       if new.text = 'poison' then raise exception 'refused by the test' using errcode = '22023'; end if;
       return new; end $$`,
  )
  await hub.asOwner('create trigger refuse before insert on messages for each row execute function refuse()')
  const [, second] = hub.offices as [Office, Office, Office]
  for (const office of hub.offices) await hub.write(office, written(person(), 'hello'))
  await hub.write(second, written(person(), 'poison'))
  expect(await Promise.all(hub.look(hub.offices))).toEqual([1, 2, 1])
  for (const office of hub.offices) expect(await hub.texts(office)).toEqual(['hello'])
  const rows = await hub.inbox()
  expect(rows.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'parked'])
  const { values } = await hub.hub.deps.metrics.webhookLooksFailed.get()
  // That of all of them, and that of the one alone.
  expect(values[0]?.value).toBe(2)
})

test('[IN10] what somebody holds of one tenant holds up the others for WEBHOOK_TOGETHER_LOCK_MS at most', async () => {
  await using hub = await startOffices(3, { WEBHOOK_TOGETHER_LOCK_MS: '50' })
  const [, second] = hub.offices as [Office, Office, Office]
  const cora = person()
  for (const office of hub.offices) await hub.write(office, written(cora, 'hello'))
  await Promise.all(hub.look(hub.offices))
  await hub.holder.query('begin')
  await hub.holder.query('select 1 from conversations where tenant_id = $1 for update', [second.tenantId])
  for (const office of hub.offices) await hub.write(office, written(cora, 'again'))
  const [one, held, other] = hub.look(hub.offices)
  expect(await Promise.all([one, other])).toEqual([1, 1])
  expect(await hub.texts(second)).toEqual(['hello'])
  await hub.holder.query('rollback')
  expect(await held).toBe(1)

  await using patient = await startOffices(2, { WEBHOOK_TOGETHER_LOCK_MS: '60000' })
  for (const office of patient.offices) await patient.write(office, written(cora, 'hello'))
  await Promise.all(patient.look(patient.offices))
  await patient.holder.query('begin')
  await patient.holder.query('select 1 from conversations for update')
  for (const office of patient.offices) await patient.write(office, written(cora, 'again'))
  const looks = patient.look(patient.offices)
  await eventually(async () => {
    expect(await waitingForLocks(patient.hub)).toBe(1)
  })
  await patient.holder.query('rollback')
  expect(await Promise.all(looks)).toEqual([1, 1])
  expect(await patient.transactions()).toEqual([2, 2])
})

test('[IN10] [IN4] a tenant that is suspended and a number that is removed are left out, and quarantined by themselves', async () => {
  await using hub = await startOffices(3)
  const [first, second, third] = hub.offices as [Office, Office, Office]
  for (const office of hub.offices) await hub.write(office, written(person(), 'hello'))
  await hub.asOwner(`update tenants set status = 'suspended' where id = $1`, [first.tenantId])
  await hub.asOwner('update channels set deleted_at = now() where id = $1', [second.number.channelId])
  expect(await Promise.all(hub.look(hub.offices))).toEqual([0, 0, 1])
  expect((await hub.inbox()).map(({ state, reason }) => reason ?? state)).toEqual([
    'tenant_suspended',
    'channel_removed',
    'done',
  ])
  expect(await hub.texts(third)).toEqual(['hello'])
})

test('[IN10] [TEN7] a login that owns nothing shares looks as well', async () => {
  await using hub = await startOffices(3)
  const { config } = hub.hub
  const url = config.DATABASE_URL
  const deps = openDeps({ ...config, DATABASE_URL: await addLogin(url), DATABASE_OWNER_URL: url }, 'login')
  hub.hub.onClose(() => deps.close())
  const ingest = openIngest(deps, () => {})
  hub.hub.onClose(() => ingest.close())
  for (const office of hub.offices) await hub.write(office, written(person(), 'hello'))
  expect(await Promise.all(hub.look(hub.offices, ingest))).toEqual([1, 1, 1])
  expect(await hub.transactions()).toEqual([3])
})

test('[IN10] [IN2] processes that share looks at the same numbers leave no hole, no repeat and no other order', async () => {
  await using hub = await startOffices(4, { WEBHOOK_BATCH: '5' })
  const cora = person()
  const other = openDeps(hub.hub.config, 'other')
  hub.hub.onClose(() => other.close())
  const second = openIngest(other, () => {})
  hub.hub.onClose(() => second.close())
  const rounds = 25
  const looks: Promise<number>[] = []
  for (let n = 1; n <= rounds; n++) {
    const at = new Date(1_783_000_000_000 + n * 1000)
    for (const office of hub.offices) await hub.write(office, written(cora, `message ${n}`, { at }))
    looks.push(...hub.look(n % 2 === 0 ? hub.offices : hub.offices.toReversed()))
    looks.push(...hub.look(hub.offices, second))
  }
  await Promise.all(looks)
  const inOrder = Array.from({ length: rounds }, (_, place) => `message ${place + 1}`)
  for (const office of hub.offices) {
    expect(await hub.texts(office)).toEqual(inOrder)
    const report = await verifyLog(hub.hub.deps, office.tenantId, { page: 1000, mostFindings: 10 })
    expect(report.findings).toEqual([])
  }
  expect((await hub.inbox()).filter(({ state }) => state !== 'done')).toEqual([])
})

test('[IN10] [IN2] whichever statement fails, of whichever tenant, nothing is lost, done twice or done in another order', async () => {
  await using hub = await startOffices(3)
  const { db } = hub.hub.deps
  const [first, second, third] = hub.offices as [Office, Office, Office]
  const cora = person()
  /** Statements until the one in whose place the server is asked for something that fails; once. */
  let left = Infinity
  const connect = async () => {
    const client = (await db.write.connect()) as Connection
    return {
      ask: (asked: Statement) => client.ask(--left === 0 ? { text: 'select 1 / 0' } : asked),
      query: client.query.bind(client),
      release: client.release.bind(client),
    }
  }
  const write = { connect } as unknown as typeof db.write
  const ingest = openIngest({ ...hub.hub.deps, db: { ...db, write } }, () => {})
  hub.hub.onClose(() => ingest.close())
  let round = 0
  do {
    round += 1
    await hub.write(first, written(cora, `one ${round}`), written(person(), 'somebody new'))
    await hub.write(first, written(cora, `two ${round}`))
    await hub.write(second, written({ ...cora, name: `Cora ${round}` }, `one ${round}`))
    await hub.write(third, statusOf(wamid(), 'delivered'), written(cora, `one ${round}`))
    left = round
    await Promise.all(hub.look(hub.offices, ingest))
  } while (left <= 0)
  expect(round).toBeGreaterThan(20)
  const rounds = Array.from({ length: round }, (_, place) => place + 1)
  const texts = (await hub.texts(first)).filter((text) => text !== 'somebody new')
  expect(texts).toEqual(rounds.flatMap((n) => [`one ${n}`, `two ${n}`]))
  for (const office of [second, third]) expect(await hub.texts(office)).toEqual(rounds.map((n) => `one ${n}`))
  expect((await hub.inbox()).filter(({ state }) => state !== 'done')).toEqual([])
  for (const { tenantId } of hub.offices) {
    const report = await verifyLog(hub.hub.deps, tenantId, { page: 1000, mostFindings: 10 })
    expect(report.findings).toEqual([])
  }
})
