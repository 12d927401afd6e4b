import { expect, test } from 'vitest'
import { type DealView, type StageTotal, stageTotal } from '../../src/contract/crm/deal.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildContact } from '../harness/crowd.ts'
import { startHub } from '../harness/hub.ts'
import { type Board, openBoard } from './board.ts'

test('[DEAL6] lists are filtered, sorted and walked without a gap or a repeat', async () => {
  await using hub = await startHub()
  const board = await openBoard(hub)
  const customer = await board.make<{ id: number }>('customers', { name: 'Acme' })
  const contactId = await buildContact(hub)
  await board.deal('Éins', {
    customerId: customer.id,
    valueMinor: 500,
    currency: 'EUR',
    expectedCloseOn: '2026-05-01',
  })
  await board.deal('zwei', { contactId, stageId: board.stages['Won'], valueMinor: 1500, currency: 'USD' })
  const three = await board.deal('Drei', { stageId: board.stages['Lost'], expectedCloseOn: '2026-04-01' })
  const pipeline = three.pipelineId
  const titles = async (query: string) =>
    (await board.get<{ data: DealView[] }>(`deals?${query}`)).data.map(({ title }) => title)
  expect(await titles('')).toEqual(['Drei', 'zwei', 'Éins'])
  expect(await titles('q=EIN')).toEqual(['Éins'])
  expect(await titles(`customerId=${customer.id}`)).toEqual(['Éins'])
  expect(await titles(`contactId=${contactId}`)).toEqual(['zwei'])
  expect(await titles(`stageId=${board.stages['Lost']}`)).toEqual(['Drei'])
  expect([await titles(`pipelineId=${pipeline}`), await titles('pipelineId=99')]).toEqual([
    ['Drei', 'zwei', 'Éins'],
    [],
  ])
  expect([await titles('kind=open'), await titles('kind=won'), await titles('kind=lost')]).toEqual([
    ['Éins'],
    ['zwei'],
    ['Drei'],
  ])
  expect([
    await titles('valueFrom=500&valueTo=1499'),
    await titles('valueFrom=501'),
    await titles('valueTo=499'),
  ]).toEqual([['Éins'], ['zwei'], []])
  expect(
    await titles('expectedCloseFrom=2026-04-01&expectedCloseTo=2026-05-01&sort=expectedCloseOn'),
  ).toEqual(['Drei', 'Éins'])
  expect(await titles('expectedCloseFrom=2026-04-02')).toEqual(['Éins'])
  expect(await titles('sort=value')).toEqual(['zwei', 'Éins', 'Drei'])
  expect(await titles('sort=expectedCloseOn')).toEqual(['Drei', 'Éins', 'zwei'])
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query(`update deals set entered_stage_at = '2026-01-01T00:00:00Z' where tenant_id = $1 and id = $2`, [
      tx.tenantId,
      three.id,
    ]),
  )
  expect([
    await titles('stale=2026-01-01T00:00:00Z'),
    await titles('stale=2026-01-01T00:00:00.001Z'),
  ]).toEqual([[], ['Drei']])
  for (const query of [
    'stale=yesterday',
    'kind=maybe',
    'valueFrom=-1',
    'valueTo=x',
    'conversationId=7',
    'sort=probability',
    'expectedCloseTo=2026-13-01',
  ])
    expect((await board.call('GET', `deals?${query}`)).status, query).toBe(400)
  for (const sort of ['position', 'createdAt', 'updatedAt', 'value', 'expectedCloseOn', 'title'])
    for (const order of ['asc', 'desc']) {
      const walked: string[] = []
      for (let cursor = ''; ; ) {
        const page = await board.get<{ data: DealView[]; nextCursor: string | null }>(
          `deals?limit=1&sort=${sort}&order=${order}${cursor}`,
        )
        walked.push(...page.data.map(({ title }) => title))
        if (page.nextCursor === null) break
        cursor = `&cursor=${page.nextCursor}`
      }
      expect(walked.toSorted(), sort).toEqual(['Drei', 'zwei', 'Éins'].toSorted())
    }
})

test('[DEAL7] totals count what one may see, by stage and currency, and agree with the lists', async () => {
  await using hub = await startHub()
  const ana = await openBoard(hub, { sub: 'ana' })
  const max = await openBoard(hub, { role: 'manager', sub: 'max' }, ana.api)
  const ownerId = max.actor.kind === 'user' ? max.actor.id : null
  await ana.deal('a', { valueMinor: 100, currency: 'EUR' })
  await ana.deal('b', { valueMinor: 250, currency: 'EUR' })
  await ana.deal('c', { valueMinor: 70, currency: 'USD' })
  await ana.deal('d')
  await max.deal('e', { valueMinor: 1_000, currency: 'EUR', ownerId })
  const gone = await ana.deal('f', { valueMinor: 9, currency: 'EUR' })
  await ana.call('DELETE', `deals/${gone.id}`)
  const totals = async (board: Board, query = '') => {
    const { data } = await board.get<{ data: StageTotal[] }>(`deals/totals${query}`)
    for (const total of data) stageTotal.parse(total)
    return data
  }
  const [first, ...rest] = await totals(ana)
  expect(first).toMatchObject({
    stageId: ana.stages['New'],
    count: 4,
    values: [
      { currency: 'EUR', count: 2, valueMinor: 350 },
      { currency: 'USD', count: 1, valueMinor: 70 },
    ],
  })
  expect(rest.map(({ count, values }) => [count, values])).toEqual(Array(5).fill([0, []]))
  expect((await totals(max))[0]).toMatchObject({
    count: 5,
    values: [{ currency: 'EUR', count: 3, valueMinor: 1350 }, { currency: 'USD' }],
  })
  expect(await totals(max, `?pipelineId=${first?.pipelineId}`)).toHaveLength(6)
  expect(await totals(max, '?pipelineId=99')).toEqual([])
  expect((await max.call('GET', 'deals/totals?stageId=1')).status).toBe(400)
})
