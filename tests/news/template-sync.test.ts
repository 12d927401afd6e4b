import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ChannelView, TemplateView } from '../../src/contract/channel.ts'
import { connectChannel } from '../../src/domain/channels/connect-channel.ts'
import { findTemplates } from '../../src/domain/templates/find-templates.ts'
import { recordTemplateNews } from '../../src/domain/templates/record-template-news.ts'
import { syncTemplates } from '../../src/domain/templates/sync-templates.ts'
import { readEvents, readHead } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { InboundTemplateUpdate } from '../../src/providers/inbound.ts'
import { startWorkers } from '../../workers/server.ts'
import { buildChannel } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type StandIn, startStandIn } from '../harness/provider-stand-in.ts'

let meta: StandIn
let hub: Hub
beforeAll(async () => {
  meta = await startStandIn()
  hub = await startHub({ GRAPH_API_URL: meta.url, TEMPLATES_PER_CHANNEL: '5', SWEEP_MS: '100' })
})
afterAll(async () => {
  await hub[Symbol.asyncDispose]()
  await meta.close()
})

/** The account's list as Meta has it, in pages of two. */
let list: Record<string, unknown>[] = []
beforeEach(() => {
  list = []
})

function template(id: number, more: Record<string, unknown> = {}) {
  const components = [{ type: 'BODY', text: `Hello {{1}}, this is ${id}.` }]
  return {
    id: String(id),
    name: `t_${id}`,
    language: 'en_US',
    status: 'APPROVED',
    category: 'UTILITY',
    components,
    ...more,
  }
}

/** A Cloud number whose account answers with `list`; every part of it asks `during` first. */
async function connectNumber(during: () => Promise<unknown> = () => Promise.resolve()) {
  const account = String(randomInt(1e9, 2e9))
  const phone = String(randomInt(1e9, 2e9))
  const { id } = await hub.addChannel({
    provider: 'whatsapp-cloud',
    settings: { phoneNumberId: phone, wabaId: account, displayPhoneNumber: `+${phone}` },
    secrets: { accessToken: 'token', appSecret: 'secret', verifyToken: 'verify' },
    externalId: phone,
    accountId: account,
  })
  meta.always({
    path: new RegExp(`^/${account}/message_templates`),
    answer: async ({ path }) => {
      await during()
      const from = Number(new URL(path, meta.url).searchParams.get('after') ?? 0)
      const to = from + 2
      const paging = {
        cursors: { after: String(to) },
        ...(to < list.length && { next: 'https://graph/next' }),
      }
      return { json: { data: list.slice(from, to), paging } }
    },
  })
  return { channelId: id, account, phone }
}

const sync = (channelId: string, tenantId = hub.tenant.id) => syncTemplates(hub.deps, { tenantId, channelId })

interface Row {
  provider_template_id: string
  status: string
  reason: string | null
  quality: string | null
  components: unknown[] | null
  stale: boolean
  version: number
  detail: Record<string, unknown>
}
const rowsOf = (channelId: string) =>
  readTenant(hub.deps, hub.tenant.id, (query) =>
    query<Row>(
      `select provider_template_id, status, reason, quality, components, stale, version, detail
       from templates where channel_id = $1 order by provider_template_id`,
      [channelId],
    ),
  )

async function channelRow(channelId: string) {
  const [row] = await readTenant(hub.deps, hub.tenant.id, (query) =>
    query<{ due: string | null; health: Record<string, unknown>; version: number }>(
      'select templates_due_at as due, health, version from channels where id = $1',
      [channelId],
    ),
  )
  return { due: row?.due ?? null, templates: row?.health.templates, version: row?.version }
}

/** Makes it due, as the hours that pass would. */
const makeDue = (channelId: string) =>
  inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query('update channels set templates_due_at = now() where tenant_id = $1 and id = $2', [
      tx.tenantId,
      channelId,
    ]),
  )

const hears = (channelId: string, news: InboundTemplateUpdate) =>
  inTenant(hub.deps, hub.tenant.id, (tx) => recordTemplateNews(tx, channelId, [news]))
const news = (secondsAgo: number, more: Partial<InboundTemplateUpdate>): InboundTemplateUpdate => ({
  kind: 'template',
  at: new Date(Date.now() - secondsAgo * 1000),
  providerTemplateId: '1',
  detail: {},
  ...more,
})

const head = async () => (await readHead(hub.deps, hub.tenant.id)).seq
async function eventsSince(seq: number) {
  const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events.map((event) => ({
    type: event.type,
    ...(JSON.parse(event.payload) as { template?: TemplateView; channel?: ChannelView }),
  }))
}

describe('[NEWS3] the list of templates', () => {
  test('is read page by page, announced where it is new, and known to the gate as the whole', async () => {
    list = [
      template(1, { quality_score: { score: 'GREEN' } }),
      template(2, { status: 'REJECTED', rejected_reason: 'SCAM' }),
      template(3),
    ]
    const { channelId } = await connectNumber()
    const before = await head()
    expect(await sync(channelId)).toBe('read')
    const rows = await rowsOf(channelId)
    expect(rows).toMatchObject([
      { provider_template_id: '1', status: 'APPROVED', quality: 'GREEN', stale: false, version: 1 },
      { provider_template_id: '2', status: 'REJECTED', reason: 'SCAM', version: 1 },
      {
        provider_template_id: '3',
        components: [{ type: 'BODY', text: 'Hello {{1}}, this is 3.' }],
        version: 1,
      },
    ])
    const announced = (await eventsSince(before)).map(
      ({ type, template: one }) => `${type} ${one?.name ?? ''}`,
    )
    expect(announced.toSorted()).toEqual([
      'channel.updated ',
      'template.updated t_1',
      'template.updated t_2',
      'template.updated t_3',
    ])
    const { due, templates } = await channelRow(channelId)
    expect(templates).toEqual({ state: 'read', templates: 3, whole: true })
    expect(Date.parse(due ?? '') - Date.now()).toBeGreaterThan(23 * 3_600_000)
    const book = await inTenant(hub.deps, hub.tenant.id, (tx) =>
      findTemplates(tx, [{ channelId, name: 't_1', language: 'en_US' }]),
    )
    expect(book.complete(channelId)).toBe(true)
    expect(book.find({ channelId, name: 't_1', language: 'en_US' })).toEqual({
      status: 'APPROVED',
      category: 'UTILITY',
    })
  })

  test('read again unchanged changes nothing; what changed, came or went is announced and nothing else', async () => {
    list = [template(1), template(2), template(3)]
    const { channelId } = await connectNumber()
    await sync(channelId)
    const before = await head()
    expect(await sync(channelId), 'not due').toBe('none')
    await makeDue(channelId)
    expect(await sync(channelId)).toBe('read')
    expect(await head()).toBe(before)

    list = [template(1, { components: [{ type: 'BODY', text: 'Other words' }] }), template(3), template(4)]
    await makeDue(channelId)
    await sync(channelId)
    const announced = (await eventsSince(before)).map(({ template: one }) => `${one?.name} ${one?.status}`)
    expect(announced.toSorted()).toEqual(['t_1 APPROVED', 't_2 DELETED', 't_4 APPROVED'])
    await makeDue(channelId)
    const after = await head()
    await sync(channelId)
    expect(await head(), 'a deleted one is deleted once').toBe(after)
  })

  test('what is not the whole list deletes nothing', async () => {
    list = [template(1), template(2)]
    const { channelId } = await connectNumber()
    await sync(channelId)
    list = [template(1), { id: '2', name: 'unreadable now' }]
    await makeDue(channelId)
    await sync(channelId)
    expect(await channelRow(channelId)).toMatchObject({ templates: { templates: 1, whole: false } })
    expect(await rowsOf(channelId)).toMatchObject([{ status: 'APPROVED' }, { status: 'APPROVED' }])
  })

  test.each([
    [5, true],
    [6, false],
  ])('TEMPLATES_PER_CHANNEL: of %i templates all are read: %s', async (many, whole) => {
    list = Array.from({ length: many }, (_, i) => template(i + 1))
    const { channelId } = await connectNumber()
    await sync(channelId)
    expect(await rowsOf(channelId)).toHaveLength(5)
    expect((await channelRow(channelId)).templates).toEqual({ state: 'read', templates: 5, whole })
  })
})

describe('[NEWS3] beside news', () => {
  test('news from after the read counts more than the list, news from before it less', async () => {
    list = [template(1), template(2)]
    const { channelId } = await connectNumber(() =>
      hears(channelId, news(0, { status: 'PAUSED', reason: 'SPAM' })),
    )
    await sync(channelId)
    expect(await rowsOf(channelId)).toMatchObject([
      { status: 'PAUSED', reason: 'SPAM', stale: false },
      { status: 'APPROVED' },
    ])
    await hears(channelId, news(60, { providerTemplateId: '2', status: 'DISABLED' }))
    expect((await rowsOf(channelId))[1]).toMatchObject({ status: 'APPROVED' })
  })

  test('components that change ask for the list; those that change while it is read ask again', async () => {
    list = [template(1)]
    let changes = 1
    const { channelId } = await connectNumber(async () => {
      if (changes-- > 0) await hears(channelId, news(0, { stale: true }))
    })
    await sync(channelId)
    expect(await rowsOf(channelId)).toMatchObject([{ stale: true }])
    expect(Date.parse((await channelRow(channelId)).due ?? '')).toBeLessThanOrEqual(Date.now())
    await eventually(async () => {
      await makeDue(channelId)
      await sync(channelId)
      expect(await rowsOf(channelId)).toMatchObject([{ stale: false }])
    })
    await hears(channelId, news(60, { stale: true }))
    expect(await rowsOf(channelId), 'an old word is settled').toMatchObject([{ stale: false }])
  })

  test('a template that only news knows is not declared gone by a list from before it', async () => {
    list = [template(2)]
    const { channelId } = await connectNumber(() =>
      hears(channelId, news(0, { name: 't_1', status: 'PENDING' })),
    )
    await sync(channelId)
    expect(await rowsOf(channelId)).toMatchObject([
      { status: 'PENDING', stale: true },
      { status: 'APPROVED' },
    ])
  })
})

describe('[NEWS3] when', () => {
  test('of several who want to read one list one does', async () => {
    list = [template(1)]
    const { channelId } = await connectNumber()
    const results = await Promise.all(Array.from({ length: 6 }, () => sync(channelId)))
    expect(results.toSorted()).toEqual(['none', 'none', 'none', 'none', 'none', 'read'])
  })

  test('a refusal is shown with its reason, once, and waits; a network that is away is asked again soon', async () => {
    const { channelId, account } = await connectNumber()
    meta.always({
      path: new RegExp(`^/${account}/`),
      answer: { status: 403, json: { error: { code: 200, message: 'Permissions error' } } },
    })
    expect(await sync(channelId)).toBe('failed')
    const refused = await channelRow(channelId)
    expect(refused.templates).toMatchObject({ state: 'refused', code: '200' })
    expect(Date.parse(refused.due ?? '') - Date.now()).toBeGreaterThan(23 * 3_600_000)
    await makeDue(channelId)
    await sync(channelId)
    expect((await channelRow(channelId)).version).toBe(refused.version)

    meta.always({ path: new RegExp(`^/${account}/`), answer: { status: 503 } })
    await makeDue(channelId)
    expect(await sync(channelId)).toBe('failed')
    const away = await channelRow(channelId)
    const waitMs = Date.parse(away.due ?? '') - Date.now()
    expect(away.templates).toMatchObject({ state: 'later' })
    expect(waitMs).toBeGreaterThan(50_000)
    expect(waitMs).toBeLessThan(120_000)
  })

  test('a network that has none is asked once; a channel of another tenant, or a removed one, never', async () => {
    const fakeId = await buildChannel(hub)
    expect(await sync(fakeId)).toBe('none')
    expect((await channelRow(fakeId)).due).toBeNull()
    const { channelId } = await connectNumber()
    const foreign = await hub.addTenant()
    expect(await sync(channelId, foreign.id)).toBe('none')
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query('update channels set deleted_at = now() where tenant_id = $1 and id = $2', [
        tx.tenantId,
        channelId,
      ]),
    )
    const before = meta.requests.length
    expect(await sync(channelId)).toBe('none')
    expect(meta.requests).toHaveLength(before)
  })

  test('it is due again TEMPLATE_SYNC_HOURS later, and not a minute before', async () => {
    const hours = 5
    const config = { ...hub.deps.config, TEMPLATE_SYNC_HOURS: hours }
    const read = (channelId: string) =>
      syncTemplates({ ...hub.deps, config }, { tenantId: hub.tenant.id, channelId })
    const { channelId } = await connectNumber()
    const passed = (minutes: number) =>
      inTenant(hub.deps, hub.tenant.id, (tx) =>
        tx.query(
          `update channels set templates_due_at = templates_due_at - make_interval(mins => $3) where tenant_id = $1 and id = $2`,
          [tx.tenantId, channelId, minutes],
        ),
      )
    expect(await read(channelId)).toBe('read')
    await passed(hours * 60 - 1)
    expect(await read(channelId)).toBe('none')
    await passed(1)
    expect(await read(channelId)).toBe('read')
  })

  test('workers read it without being told, and again when a check finds the number well', async () => {
    list = [template(1)]
    const { channelId, phone } = await connectNumber()
    const workers = startWorkers(hub.deps)
    hub.onClose(() => workers.close())
    await eventually(async () => expect(await rowsOf(channelId)).toHaveLength(1))
    await eventually(async () =>
      expect((await channelRow(channelId)).templates).toMatchObject({ state: 'read' }),
    )
    list = [template(1), template(2)]
    meta.always({ path: `/${phone}`, answer: { json: { id: phone, status: 'CONNECTED' } } })
    await connectChannel(hub.deps, hub.tenant.id, channelId)
    await eventually(async () => expect(await rowsOf(channelId)).toHaveLength(2))
  })
})
