import { expect, test } from 'vitest'
import type { CustomerView } from '../../src/contract/crm/customer.ts'
import type { DealView } from '../../src/contract/crm/deal.ts'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import type { AuditEntryView } from '../../src/contract/rest/audit.ts'
import type { BulkResult } from '../../src/contract/rest/bulk.ts'
import { formatPosition } from '../../src/contract/position.ts'
import { readHead } from '../../src/log/read.ts'
import { asSuperuser } from '../cli/cli.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

async function make<View>(rest: RestClient, token: string, path: string, json: object): Promise<View> {
  const answer = await rest.call<{ data: View }>('POST', `/admin/${path}`, { token, json })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.data
}

async function bulk(rest: RestClient, token: string, path: string, json: object): Promise<BulkResult[]> {
  const answer = await rest.call<{ data: BulkResult[] }>('POST', `/admin/${path}/bulk`, { token, json })
  expect(answer.status, answer.text).toBe(200)
  return answer.body.data
}

const shown = (results: readonly BulkResult[]) =>
  results.map((result) => [result.id, result.ok ? result.version : result.error.code])

/** Types of the events that something recorded, and actions of the trail that it left. */
async function tracesOf(hub: Hub, rest: RestClient, act: () => Promise<unknown>) {
  const token = hub.token('admin')
  const newest = async () =>
    (await rest.call<{ data: AuditEntryView[] }>('GET', '/admin/audit-logs?limit=200', { token })).body.data
  const [head, last] = [await readHead(hub.deps, hub.tenant.id), (await newest())[0]?.id ?? 0]
  await act()
  const { body } = await rest.call<{ data: AnyLogEvent[] }>(
    'GET',
    `/api/v1/events?after=${formatPosition(head)}`,
    { token },
  )
  const trail = (await newest()).filter(({ id }) => id > last)
  return {
    events: body.data.map(({ type }) => type),
    trail: trail.map(({ action, entityId }) => `${action} ${entityId}`).toReversed(),
  }
}

test('[BULK1] each record is changed, told and put into the trail as if it were alone; what fails leaves the others alone', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const { token, actor } = await hub.signIn('agent')
  const tag = await make<{ id: number }>(rest, token, 'tags', { name: 'VIP' })
  const ids: number[] = []
  for (const name of ['a', 'b', 'c'])
    ids.push((await make<CustomerView>(rest, token, 'customers', { name })).id)
  const [a = 0, b = 0, c = 0] = ids
  await rest.call('DELETE', `/admin/customers/${b}`, { token })

  const traces = await tracesOf(hub, rest, () =>
    expectReplayEqualsSnapshot(hub, async () =>
      expect(
        shown(await bulk(rest, token, 'customers', { ids: [c, 99, b, a, c], action: 'tag', tagId: tag.id })),
      ).toEqual([
        [c, 2],
        [99, 'not_found'],
        [b, 'not_found'],
        [a, 2],
      ]),
    ),
  )
  expect(traces.events.filter((type) => type === 'customer.updated')).toHaveLength(2)
  expect(traces.trail).toEqual([`customer.update ${a}`, `customer.update ${c}`])

  const assigned = { ids, action: 'assign', ownerId: actor.id }
  expect(shown(await bulk(rest, token, 'customers', assigned))).toEqual([
    [a, 3],
    [b, 'not_found'],
    [c, 3],
  ])
  expect(shown(await bulk(rest, token, 'customers', { ids, action: 'restore' }))).toEqual([
    [a, 3],
    [b, 3],
    [c, 3],
  ])
  expect(shown(await bulk(rest, token, 'customers', { ids: [a], action: 'untag', tagId: tag.id }))).toEqual([
    [a, 4],
  ])
  await bulk(rest, token, 'customers', { ids, action: 'delete' })
  const left = await rest.call<{ data: unknown[] }>('GET', '/admin/customers', { token })
  expect(left.body.data).toEqual([])
})

test('[BULK1] a fault of the input is the fault of each record, or of the request when it is the same for all', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const { id } = await make<CustomerView>(rest, token, 'customers', { name: 'a' })
  const ownerId = '01a1fcee-c940-7000-9cf0-c2319d33019a'
  const [result] = await bulk(rest, token, 'customers', { ids: [id], action: 'assign', ownerId })
  expect(result).toMatchObject({
    ok: false,
    error: { code: 'validation_failed', details: { errors: [{ pointer: '/ownerId' }] } },
  })
  for (const [json, pointer] of [
    [{ ids: [id], action: 'tag', tagId: 99 }, '/tagId'],
    [{ ids: [id], action: 'tag' }, '/tagId'],
    [{ ids: [id], action: 'eat' }, '/action'],
    [{ ids: [id], action: 'delete', tagId: 1 }, '/tagId'],
    [{ ids: [], action: 'delete' }, '/ids'],
    [{ ids: ['1'], action: 'delete' }, '/ids/0'],
    [{ action: 'delete' }, '/ids'],
  ] as const)
    expect(await rest.refused('POST', '/admin/customers/bulk', { token, json })).toMatchObject({
      status: 400,
      errors: [{ pointer }],
    })
})

test('[BULK2] BULK_ITEMS records at once, and not one more', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  await asSuperuser(hub, (query) =>
    query(`insert into customers (tenant_id, name) select $1, 'c' || i from generate_series(1, 501) i`, [
      hub.tenant.id,
    ]),
  )
  const ids = Array.from({ length: 501 }, (_, i) => i + 1)
  expect(
    await rest.refused('POST', '/admin/customers/bulk', { token, json: { ids, action: 'delete' } }),
  ).toMatchObject({ status: 400, errors: [{ pointer: '/ids' }] })
  const { trail } = await tracesOf(hub, rest, async () => {
    const results = await bulk(rest, token, 'customers', { ids: ids.slice(0, 500), action: 'delete' })
    expect(results.filter(({ ok }) => ok)).toHaveLength(500)
  })
  expect(trail).toHaveLength(200)
  const left = await rest.call<{ data: CustomerView[] }>('GET', '/admin/customers', { token })
  expect(left.body.data.map(({ id }) => id)).toEqual([501])
})

test('[BULK3] rights are judged per record: an agent changes what it may, and learns nothing of the rest', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const [agent, manager] = [await hub.signIn('agent'), await hub.signIn('manager')]
  const { body } = await rest.call<{ data: { id: number; kind: string }[] }>(
    'GET',
    '/admin/pipeline-stages',
    {
      token: agent.token,
    },
  )
  const stage = (kind: string) => body.data.find((one) => one.kind === kind)?.id
  const deal = (ownerId: string | null) =>
    make<DealView>(rest, manager.token, 'deals', { title: 'd', stageId: stage('open'), ownerId })
  const [own, theirs, nobodys] = [await deal(agent.actor.id), await deal(manager.actor.id), await deal(null)]
  const json = {
    ids: [own.id, theirs.id, nobodys.id],
    action: 'move',
    stageId: stage('lost'),
    lostReason: 'price',
  }
  const traces = await tracesOf(hub, rest, () =>
    expectReplayEqualsSnapshot(hub, async () =>
      expect(shown(await bulk(rest, agent.token, 'deals', json))).toEqual([
        [own.id, 2],
        [theirs.id, 'not_found'],
        [nobodys.id, 2],
      ]),
    ),
  )
  expect(traces.events.filter((type) => type.startsWith('deal.'))).toEqual([
    'deal.moved',
    'deal.lost',
    'deal.moved',
    'deal.lost',
  ])
  const request = { token: hub.token('viewer'), json }
  expect(await rest.refused('POST', '/admin/deals/bulk', request)).toMatchObject({ status: 403 })
  const other = await hub.addTenant()
  const stranger = hub.token('admin', { tenant: other.slug })
  expect(shown(await bulk(rest, stranger, 'deals', { ids: [own.id], action: 'delete' }))).toEqual([
    [own.id, 'not_found'],
  ])
})

test('[BULK1] two who do something to the same records at once do not wait for each other; the same key does it once', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const ids: number[] = []
  for (let i = 0; i < 40; i++)
    ids.push((await make<CustomerView>(rest, token, 'customers', { name: `c${i}` })).id)
  const request = (action: string, order: number[], key: string) =>
    rest.call<{ data: BulkResult[] }>('POST', '/admin/customers/bulk', {
      token,
      json: { ids: order, action },
      headers: { 'idempotency-key': key },
    })
  const answers = await Promise.all([
    request('delete', ids, 'one'),
    request('delete', ids.toReversed(), 'two'),
    request('delete', ids, 'one'),
  ])
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(answers[2]?.text).toBe(answers[0]?.text)
  const done = answers.slice(0, 2).map(({ body }) => body.data.filter(({ ok }) => ok).length)
  expect(done.toSorted((one, two) => one - two)).toEqual([0, 40])
})
