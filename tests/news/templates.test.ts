import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TemplateView } from '../../src/contract/channel.ts'
import { recordTemplateNews } from '../../src/domain/templates/record-template-news.ts'
import { findTemplates } from '../../src/domain/templates/find-templates.ts'
import { readEvents, readHead } from '../../src/log/read.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { InboundTemplateUpdate } from '../../src/providers/inbound.ts'
import { buildChannel } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'

let hub: Hub
beforeAll(async () => {
  hub = await startHub()
})
afterAll(() => hub[Symbol.asyncDispose]())

function hears(channelId: string, news: readonly InboundTemplateUpdate[], tenantId = hub.tenant.id) {
  return inTenant(hub.deps, tenantId, (tx) => recordTemplateNews(tx, channelId, news))
}

function news(secondsAgo: number, more: Partial<InboundTemplateUpdate> = {}): InboundTemplateUpdate {
  const at = new Date(Date.now() - secondsAgo * 1000)
  return { kind: 'template', at, providerTemplateId: '594425479261596', detail: {}, ...more }
}
const named = { name: 'order_confirmation', language: 'en_US' }

interface Row {
  status: string | null
  category: string | null
  quality: string | null
  reason: string | null
  stale: boolean
  detail: Record<string, unknown>
  version: number
}

function rowsOf(channelId: string, tenantId = hub.tenant.id): Promise<Row[]> {
  return readTenant(hub.deps, tenantId, (query) =>
    query<Row>(
      `select status, category, quality, reason, stale, detail, version from templates
       where channel_id = $1 order by provider_template_id`,
      [channelId],
    ),
  )
}

async function announcedSince(seq: number): Promise<TemplateView[]> {
  const page = await readEvents(hub.deps, hub.tenant.id, { epoch: 1, seq }, 1000)
  if (typeof page === 'string') throw new Error(page)
  return page.events
    .filter(({ type }) => type === 'template.updated')
    .map((event) => (JSON.parse(event.payload) as { template: TemplateView }).template)
}

const head = async () => (await readHead(hub.deps, hub.tenant.id)).seq

test('[NEWS5] a template that we did not know gets a row, whose news of one batch is one event', async () => {
  const channelId = await buildChannel(hub)
  const before = await head()
  await hears(channelId, [
    news(30, { ...named, status: 'PENDING', category: 'UTILITY' }),
    news(20, { ...named, status: 'REJECTED', reason: 'PROMOTIONAL', detail: { event: 'REJECTED' } }),
    news(10, { providerTemplateId: '2', name: 'other', language: 'de', status: 'APPROVED' }),
  ])
  expect(await rowsOf(channelId)).toMatchObject([
    { status: 'APPROVED', version: 1 },
    {
      status: 'REJECTED',
      category: 'UTILITY',
      reason: 'PROMOTIONAL',
      detail: { event: 'REJECTED' },
      version: 1,
    },
  ])
  const announced = await announcedSince(before)
  expect(announced).toHaveLength(2)
  expect(announced).toContainEqual(
    expect.objectContaining({ ...named, channelId, status: 'REJECTED', reason: 'PROMOTIONAL', version: 1 }),
  )
})

test('[NEWS5] an older word never replaces a newer one, and what comes twice is not announced', async () => {
  const channelId = await buildChannel(hub)
  const said = [news(20, { ...named, status: 'APPROVED' }), news(10, { ...named, quality: 'YELLOW' })]
  await hears(channelId, said)
  const before = await rowsOf(channelId)
  const seq = await head()
  await hears(channelId, said)
  await hears(channelId, [
    news(30, { ...named, status: 'REJECTED', reason: 'SCAM' }),
    news(15, { ...named, quality: 'GREEN', detail: { previousQuality: 'UNKNOWN' } }),
  ])
  expect(await rowsOf(channelId)).toMatchObject([
    { status: 'APPROVED', quality: 'YELLOW', reason: null, version: before[0]?.version },
  ])
  expect(await announcedSince(seq)).toEqual([])
})

test('[NEWS5] a state takes the reason of the former one away', async () => {
  const channelId = await buildChannel(hub)
  await hears(channelId, [news(20, { ...named, status: 'PAUSED', reason: 'ABUSIVE_CONTENT' })])
  await hears(channelId, [news(10, { ...named, status: 'APPROVED' })])
  expect(await rowsOf(channelId)).toMatchObject([{ status: 'APPROVED', reason: null }])
})

test('[NEWS5] the gate knows it from then on', async () => {
  const channelId = await buildChannel(hub)
  const find = (name: string) =>
    inTenant(hub.deps, hub.tenant.id, async (tx) => {
      const wanted = { channelId, name, language: 'en_US' }
      return (await findTemplates(tx, [wanted])).find(wanted)
    })
  expect(await find('order_confirmation')).toBeNull()
  await hears(channelId, [news(20, { ...named, status: 'PAUSED', category: 'MARKETING' })])
  expect(await find('order_confirmation')).toEqual({ status: 'PAUSED', category: 'MARKETING' })
})

test('[NEWS5] two workers that hear of a new template at once make one', async () => {
  const channelId = await buildChannel(hub)
  await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      hears(channelId, [news(i, { ...named, status: i === 0 ? 'APPROVED' : 'PENDING' })]),
    ),
  )
  expect(await rowsOf(channelId)).toMatchObject([{ status: 'APPROVED' }])
})

test('[NEWS5] what is too long to be true is kept short', async () => {
  const channelId = await buildChannel(hub)
  await hears(channelId, [
    news(1, { ...named, status: 'REJECTED', detail: { rejection: { reason: 'x'.repeat(20_000) } } }),
  ])
  expect((await rowsOf(channelId))[0]?.detail).toEqual({ rejection: { tooLargeBytes: 20_013 } })
})

test('[TEN4] a channel of another tenant has no templates here', async () => {
  const foreign = await hub.addTenant()
  const channelId = await buildChannel(hub)
  await hears(channelId, [news(1, { ...named, status: 'APPROVED' })], foreign.id)
  expect(await rowsOf(channelId)).toEqual([])
  expect(await rowsOf(channelId, foreign.id)).toEqual([])
})
