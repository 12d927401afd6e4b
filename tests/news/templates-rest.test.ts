import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TemplateDetail, templateDetail } from '../../src/contract/rest/templates.ts'
import { recordTemplateList } from '../../src/domain/templates/record-template-list.ts'
import { recordTemplateNews } from '../../src/domain/templates/record-template-news.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

interface Page {
  data: TemplateDetail[]
  nextCursor: string | null
}

let hub: Hub
let rest: RestClient
let here: string
let there: string
const components = [{ type: 'BODY', text: 'Hello {{1}}' }]

beforeAll(async () => {
  hub = await startHub()
  rest = await startRestOf(hub)
  here = await buildChannel(hub)
  there = await buildChannel(hub)
  const listed = (id: number, name: string, status = 'APPROVED', language = 'en_US') => ({
    providerTemplateId: String(id),
    name,
    language,
    status,
    components,
    detail: { parameterFormat: 'NAMED' },
  })
  const rows = [
    listed(1, 'b_order'),
    listed(2, 'a_hello'),
    listed(3, 'a_hello', 'APPROVED', 'de'),
    listed(4, 'c_sale', 'PAUSED'),
  ]
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    await recordTemplateList(tx, here, rows, new Date())
    await recordTemplateList(tx, there, [listed(9, 'b_order')], new Date())
    await recordTemplateNews(tx, there, [
      { kind: 'template', at: new Date(), providerTemplateId: '10', status: 'PENDING', detail: {} },
    ])
  })
})
afterAll(() => hub[Symbol.asyncDispose]())

async function list(query: string, token = hub.token('viewer')): Promise<Page> {
  const answer = await rest.call<Page>('GET', `/api/v1/templates${query}`, { token })
  expect(answer.status, answer.text).toBe(200)
  for (const one of answer.body.data) templateDetail.parse(one)
  return answer.body
}
const names = ({ data }: Page) => data.map(({ name, language }) => `${name} ${language}`)

test('[NEWS3] templates are listed by name with what is needed to fill them in, also those that only news told of', async () => {
  const page = await list('')
  expect(names(page)).toEqual([
    'null null',
    'a_hello de',
    'a_hello en_US',
    'b_order en_US',
    'b_order en_US',
    'c_sale en_US',
  ])
  expect(page.data[0]).toMatchObject({ status: 'PENDING', components: null, stale: true })
  expect(page.data[1]).toMatchObject({
    components,
    detail: { parameterFormat: 'NAMED' },
    stale: false,
    channelId: here,
  })
  const one = await rest.call<{ data: TemplateDetail }>('GET', `/api/v1/templates/${page.data[1]?.id}`, {
    token: hub.token('agent'),
  })
  expect(one.body.data).toEqual(page.data[1])
  expect(one.headers.get('etag')).toBe('"1"')
})

test('[NEWS3] they are found by number, state and part of the name', async () => {
  expect(names(await list(`?channel=${here}&status=APPROVED`))).toEqual([
    'a_hello de',
    'a_hello en_US',
    'b_order en_US',
  ])
  expect(names(await list('?status=PAUSED'))).toEqual(['c_sale en_US'])
  expect(names(await list('?q=HELL'))).toEqual(['a_hello de', 'a_hello en_US'])
  expect(names(await list('?q=%25'))).toEqual([])
  expect(
    (await rest.call('GET', '/api/v1/templates?status=approved', { token: hub.token('viewer') })).status,
  ).toBe(400)
})

test('[REST7] pages follow one another without a gap or a repeat', async () => {
  const seen: string[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page = await list(`?limit=1${cursor === null ? '' : `&cursor=${cursor}`}`)
    seen.push(...page.data.map(({ id }) => id))
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  expect(seen).toEqual((await list('')).data.map(({ id }) => id))
})

test('[TEN4] another tenant has none of them; a number that was removed shows none', async () => {
  const foreign = hub.token('admin', { tenant: (await hub.addTenant()).slug })
  expect(await list('', foreign)).toEqual({ data: [], nextCursor: null })
  const [one] = (await list(`?channel=${there}`)).data
  const path = `/api/v1/templates/${one?.id}`
  expect((await rest.call('GET', path, { token: foreign })).status).toBe(404)
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query('update channels set deleted_at = now() where tenant_id = $1 and id = $2', [tx.tenantId, there]),
  )
  expect(await list(`?channel=${there}`)).toEqual({ data: [], nextCursor: null })
  expect((await rest.call('GET', path, { token: hub.token('admin') })).status).toBe(404)
})
