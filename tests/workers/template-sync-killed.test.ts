import { randomInt } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readEvents } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { blockedAt, kill, killed, lineTo, openSession } from '../harness/killing.ts'
import { type StandIn, type StandInAnswer, startStandIn } from '../harness/provider-stand-in.ts'
import { startWorkerProcess } from '../harness/worker-process.ts'

/** Whoever finds a list that a dead worker had finds it within this time, and a look of the sweep. */
const mostLeaseMs = 60_000
const patience = 120_000

let meta: StandIn
let hub: Hub
let channelId: string
/** What is done at each page, by its place, before it is answered. */
let atPage: (place: number) => Promise<StandInAnswer | undefined>
beforeEach(async () => {
  meta = await startStandIn()
  hub = await startHub({ GRAPH_API_URL: meta.url, SWEEP_MS: '200' })
  hub.onClose(() => meta.close())
  atPage = () => Promise.resolve(undefined)
  const account = String(randomInt(1e9, 2e9))
  const phone = String(randomInt(1e9, 2e9))
  ;({ id: channelId } = await hub.addChannel({
    provider: 'whatsapp-cloud',
    settings: { phoneNumberId: phone, wabaId: account, displayPhoneNumber: `+${phone}` },
    secrets: { accessToken: 'token', appSecret: 'secret', verifyToken: 'verify' },
    externalId: phone,
    accountId: account,
  }))
  meta.always({
    path: new RegExp(`^/${account}/message_templates`),
    answer: async ({ path }) => {
      const place = Number(new URL(path, meta.url).searchParams.get('after') ?? 0)
      const isLast = place === 2
      const other = await atPage(place)
      const data = isLast ? [template(5)] : [template(2 * place + 1), template(2 * place + 2)]
      const cursors = { after: String(place + 1) }
      return other ?? { json: { data, paging: { cursors, ...(!isLast && { next: 'https://graph/next' }) } } }
    },
  })
})
afterEach(() => hub[Symbol.asyncDispose]())

const template = (id: number) => ({
  id: String(id),
  name: `t_${id}`,
  language: 'en_US',
  status: 'APPROVED',
  category: 'UTILITY',
  components: [{ type: 'BODY', text: `This is ${id}.` }],
})

async function channel() {
  const [row] = await readTenant(hub.deps, hub.tenant.id, (query) =>
    query<{ due: string; due_in_ms: number; told: unknown; templates: number }>(
      `select templates_due_at as due, (extract(epoch from templates_due_at - clock_timestamp()) * 1000)::float8 as due_in_ms,
         health->'templates' as told, (select count(*)::integer from templates) as templates
       from channels where id = $1`,
      [channelId],
    ),
  )
  if (!row) throw new Error('there is no such channel')
  return row
}

/** What was announced: names of templates, and of the channel that its list was read. */
async function announced(): Promise<string[]> {
  const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq: 0 }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events
    .map(({ type, payload }) => {
      const { template: one } = JSON.parse(payload) as { template?: { name: string } }
      return `${type} ${one?.name ?? ''}`.trim()
    })
    .toSorted()
}
const whole = { state: 'read', templates: 5, whole: true }
const everything = ['channel.updated', ...[1, 2, 3, 4, 5].map((id) => `template.updated t_${id}`)]

const isRead = () => eventually(async () => expect((await channel()).told).toEqual(whole), 30_000)

/** The list that a dead worker had is due soon; as if that time had passed, another one reads it all, and announces what is new. */
async function isRedone(): Promise<void> {
  const { due_in_ms: dueInMs, told } = await channel()
  expect(told ?? null).toBeNull()
  expect(dueInMs).toBeLessThanOrEqual(mostLeaseMs)
  expect(dueInMs).toBeGreaterThan(0)
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query('update channels set templates_due_at = clock_timestamp() where tenant_id = $1 and id = $2', [
      tx.tenantId,
      channelId,
    ]),
  )
  await startWorkerProcess(hub)
  await isRead()
  expect((await channel()).templates).toBe(5)
  expect(await announced()).toEqual(everything)
}

test(
  `[NEWS3] ${killed('sync-templates', 'before')} another one reads the list at once`,
  async () => {
    const holder = await openSession(hub)
    await holder.query('begin; select 1 from channels for no key update')
    const worker = await startWorkerProcess(hub)
    await blockedAt(hub, 'templates_due_at')
    await kill(worker)
    await holder.query('rollback')
    expect(meta.requests).toHaveLength(0)
    await startWorkerProcess(hub)
    await isRead()
    expect(meta.requests).toHaveLength(3)
    expect(await announced()).toEqual(everything)
  },
  patience,
)

test(
  `[NEWS3] ${killed('sync-templates', 'between')} with a page asked for and not answered, the list is due again within a minute`,
  async () => {
    const worker = await startWorkerProcess(hub)
    atPage = (place) => {
      if (place < 1) return Promise.resolve(undefined)
      worker.signal('SIGKILL')
      return Promise.resolve({ fault: 'stall' })
    }
    await eventually(() => expect(meta.requests).toHaveLength(2), 30_000)
    expect(await worker.ended()).toBe('SIGKILL')
    atPage = () => Promise.resolve(undefined)
    expect((await channel()).templates).toBe(2)
    await isRedone()
  },
  patience,
)

test(
  `[NEWS3] ${killed('sync-templates', 'between')} with a page answered and not written, the list is due again within a minute`,
  async () => {
    const holder = await openSession(hub)
    atPage = async (place) => {
      if (place === 1) await holder.query('begin; lock table templates in share mode')
      return undefined
    }
    const worker = await startWorkerProcess(hub)
    await blockedAt(hub, 'templates')
    await kill(worker)
    await holder.query('rollback')
    atPage = () => Promise.resolve(undefined)
    expect((await channel()).templates).toBe(2)
    await isRedone()
  },
  patience,
)

test(
  `[NEWS3] ${killed('sync-templates', 'between')} with all written and the end of it not, nothing is announced twice`,
  async () => {
    const { line, environment } = await lineTo(hub, 'DATABASE_URL')
    const end = line.swallow(/channel\.updated/)
    const worker = await startWorkerProcess(hub, environment)
    await end
    line.leadTo(() => undefined)
    await kill(worker)
    expect((await channel()).templates).toBe(5)
    await isRedone()
  },
  patience,
)

test(
  `[NEWS3] ${killed('sync-templates', 'after')} the list is read and stays so until it is due`,
  async () => {
    const { line, environment } = await lineTo(hub, 'DATABASE_URL')
    const answer = line.withholdAnswer(/channel\.updated[^]*commit\0/)
    const worker = await startWorkerProcess(hub, environment)
    await answer.arrived
    await kill(worker)
    const { told, due_in_ms: dueInMs } = await channel()
    expect(told).toEqual(whole)
    expect(dueInMs).toBeGreaterThan(23 * 3_600_000)
    expect(await announced()).toEqual(everything)
  },
  patience,
)
