import { describe, expect, test } from 'vitest'
import { commandHandlers } from '../../src/command-handlers.ts'
import type { DealView, StageChangeView } from '../../src/contract/crm/deal.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import {
  expectReplayEqualsSnapshot,
  expectSameAsSnapshot,
  takeState,
  threeWatchers,
} from '../harness/replay.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { type Board, openBoard } from './board.ts'

const make = (board: Board, ...titles: string[]) =>
  titles.reduce<Promise<DealView[]>>(
    async (made, title) => [...(await made), await board.deal(title)],
    Promise.resolve([]),
  )

describe('the board', () => {
  test('[DEAL8] a deal goes right behind one, right before one, or behind the last; where it is already it stays', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const [a, b, c, d] = (await make(board, 'a', 'b', 'c', 'd')) as [DealView, DealView, DealView, DealView]
    const stageId = a.stageId
    const move = (deal: DealView, to: object) =>
      expectReplayEqualsSnapshot(hub, async () => {
        const answer = await board.move(deal, { stageId, ...to })
        expect(answer.status, JSON.stringify(answer.body)).toBe(200)
      })
    await move(d, { after: a.id })
    expect(await board.column('New')).toEqual(['a', 'd', 'b', 'c'])
    await move(c, { before: a.id })
    expect(await board.column('New')).toEqual(['c', 'a', 'd', 'b'])
    await move(c, {})
    expect(await board.column('New')).toEqual(['a', 'd', 'b', 'c'])
    await move(c, { after: a.id, before: b.id })
    expect(await board.column('New')).toEqual(['a', 'c', 'd', 'b'])
    const before = (await board.heard()).length
    for (const to of [{ after: a.id }, { before: d.id }, { after: a.id, before: d.id }])
      expect((await board.move(c, { stageId, ...to })).status).toBe(200)
    expect((await board.move(b, { stageId })).status).toBe(200)
    expect(await board.heard()).toHaveLength(before)
    await move(a, { stageId: board.stages['Proposal'] })
    await move(b, { stageId: board.stages['Proposal'], before: a.id })
    expect([await board.column('New'), await board.column('Proposal')]).toEqual([
      ['c', 'd'],
      ['b', 'a'],
    ])
    expect((await board.get<{ data: StageChangeView[] }>(`deals/${c.id}/stage-changes`)).data).toHaveLength(1)
  })

  test('[DEAL8] a deleted deal keeps its place and comes back to it', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const [a, b, c, d] = (await make(board, 'a', 'b', 'c', 'd')) as [DealView, DealView, DealView, DealView]
    await board.call('DELETE', `deals/${b.id}`)
    await board.move(d, { stageId: a.stageId, after: a.id })
    await board.move(d, { stageId: a.stageId, before: c.id })
    expect(await board.column('New')).toEqual(['a', 'd', 'c'])
    await board.call('POST', `deals/${b.id}/restore`)
    expect((await board.column('New')).toSorted()).toEqual(['a', 'b', 'c', 'd'])
    expect((await board.column('New')).filter((title) => title !== 'd')).toEqual(['a', 'b', 'c'])
  })

  test('[DEAL9] two drag the same card: one wins, the other is told and sees the deal as it is', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const rest = await startRestOf(hub)
    for (let round = 0; round < 10; round++) {
      const deal = await board.deal(`card ${round}`)
      const drag = (stage: string) =>
        board.move(deal, { stageId: board.stages[stage], version: deal.version })
      const answers = await Promise.all([drag('Qualified'), drag('Proposal'), drag('Won')])
      const [winner, ...others] = answers.filter(({ status }) => status === 200)
      expect(others).toEqual([])
      for (const { status, body } of answers.filter((answer) => answer !== winner)) {
        expect(status).toBe(412)
        expect(body).toMatchObject({ code: 'precondition_failed', then: 'review', details: { version: 2 } })
        expect(body.details?.deal).toEqual(winner?.body.data)
      }
    }
    const deal = await board.deal('by header')
    const path = `/admin/deals/${deal.id}/move`
    const drag = (version: number, json: object) =>
      rest.call<{ data: DealView; code?: string }>('POST', path, {
        token: board.token,
        json,
        headers: { 'if-match': `"${version}"` },
      })
    const first = await drag(1, { stageId: board.stages['Won'] })
    expect([first.status, first.headers.get('etag')]).toEqual([200, '"2"'])
    expect((await drag(1, { stageId: board.stages['Lost'] })).body).toMatchObject({
      code: 'precondition_failed',
    })
    expect((await drag(2, { stageId: board.stages['Lost'], version: 1 })).body).toMatchObject({
      code: 'precondition_failed',
    })
    expect((await drag(2, { stageId: board.stages['Lost'], version: 2 })).status).toBe(200)
  })

  test('[DEAL9] a neighbour that is elsewhere by now is told, with the deal as it is', async () => {
    await using hub = await startHub()
    const ana = await openBoard(hub, { sub: 'ana' })
    const ben = await openBoard(hub, { sub: 'ben' }, ana.api)
    const [a, b, c] = (await make(ana, 'a', 'b', 'c')) as [DealView, DealView, DealView]
    const stageId = a.stageId
    await ana.move(b, { stageId: ana.stages['Proposal'] })
    const told = async (to: object, member: string) => {
      const answer = await ana.move(c, { stageId, ...to })
      expect([answer.status, answer.body.code, answer.body.details?.['member']]).toEqual([
        409,
        'conflict',
        member,
      ])
      expect(answer.body.details?.deal).toEqual(c)
    }
    await told({ after: b.id }, 'after')
    await told({ before: b.id }, 'before')
    await told({ after: 999 }, 'after')
    await told({ before: c.id }, 'before')
    const d = await ana.deal('d')
    await told({ after: d.id, before: a.id }, 'before')
    const secret = await ben.deal('secret', { ownerId: ben.actor.kind === 'user' ? ben.actor.id : null })
    await told({ after: secret.id }, 'after')
    for (const [to, pointer] of [
      [{ stageId: 999 }, '/stageId'],
      [{ stageId, after: 0 }, '/after'],
      [{ stageId, before: 'x' }, '/before'],
      [{}, '/stageId'],
      [{ stageId, position: 'a0' }, '/position'],
    ] as const) {
      const answer = await ana.move(c, to)
      expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([400, pointer])
    }
    expect(await ana.column('New')).toEqual(['a', 'c', 'd'])
  })

  test('[DEAL10] keys that would grow beyond the limit are given anew, the order stays and everybody hears of it', async () => {
    await using hub = await startHub({ DEAL_POSITION_LENGTH: '16' })
    const board = await openBoard(hub)
    const [a, b] = (await make(board, 'a', 'b')) as [DealView, DealView]
    const cards = await make(board, 'c', 'd')
    const watchers = await threeWatchers(hub)
    const from = await Promise.all(watchers.map((watcher) => takeState(board.api, watcher)))
    const lengths: number[] = []
    for (let i = 0; i < 200; i++) {
      const [card, other] = [cards[i % 2] as DealView, cards[(i + 1) % 2] as DealView]
      const to = i === 0 ? { after: a.id, before: b.id } : { after: a.id, before: other.id }
      const { status, body } = await board.move(card, { stageId: a.stageId, ...to })
      expect(status, JSON.stringify(body)).toBe(200)
      lengths.push(body.data.position.length)
      expect(await board.column('New')).toEqual([
        'a',
        card.title,
        ...(i === 0 ? ['b', other.title] : i === 1 ? [other.title, 'b'] : [other.title, 'b']),
      ])
    }
    const { data } = await board.get<{ data: DealView[] }>('deals?sort=position')
    expect(Math.max(...lengths), 'a key as long as the limit is used').toBe(16)
    expect(data.some(({ version }) => version > 1)).toBe(true)
    expect((await board.heard()).some(({ type }) => type === 'deal.updated')).toBe(true)
    for (const [at, watcher] of watchers.entries())
      await expectSameAsSnapshot(board.api, watcher, from[at] as Awaited<ReturnType<typeof takeState>>)
  })

  test('[DEAL10] many cards around a gap without room are spread, and more of them when that is not enough', async () => {
    await using hub = await startHub({ DEAL_POSITION_LENGTH: '16' })
    const board = await openBoard(hub)
    const deals = await make(
      board,
      ...Array.from({ length: 60 }, (_, at) => `card ${String(at).padStart(2, '0')}`),
    )
    // As if people had dropped cards into one gap for years: keys that share a long beginning.
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(
        `update deals set position = 'a0' || repeat('V', 20) || lpad(id::text, 4, '0') || 'V' where tenant_id = $1`,
        [tx.tenantId],
      ),
    )
    const before = await board.column('New')
    const [first, second, last] = [deals[29], deals[30], deals[59]] as [DealView, DealView, DealView]
    const answer = await expectReplayEqualsSnapshot(hub, () =>
      board.move(last, { stageId: first.stageId, after: first.id }),
    )
    expect(answer.body.data.position.length).toBeLessThanOrEqual(8)
    expect(await board.column('New')).toEqual([...before.slice(0, 30), last.title, ...before.slice(30, 59)])
    const { data } = await board.get<{ data: DealView[] }>('deals?limit=200')
    expect(Math.max(...data.map(({ position }) => position.length))).toBeLessThanOrEqual(8)
    expect(data.find(({ id }) => id === second.id)?.version).toBe(2)
  })

  test('[DEAL8] [DEAL9] deal.move over the socket is the same use case', async () => {
    await using hub = await startGatewayHub({}, commandHandlers)
    const board = await openBoard(hub)
    const deal = await board.deal('Roof')
    const ana = hub.connect({ token: board.token })
    await ana.next('caught-up')
    const won = { dealId: deal.id, stageId: board.stages['Won'], version: 1 }
    expect(await ana.send('deal.move', won)).toMatchObject({
      ok: true,
      data: { id: deal.id, stageId: board.stages['Won'], version: 2 },
    })
    expect(await ana.next('deal.moved')).toMatchObject({
      data: { deal: { id: deal.id } },
      actor: { kind: 'user' },
    })
    expect(await ana.next('deal.won')).toMatchObject({ data: { deal: { id: deal.id, version: 2 } } })
    expect(await ana.send('deal.move', won)).toMatchObject({
      ok: false,
      error: { code: 'precondition_failed', then: 'review', details: { deal: { id: deal.id, version: 2 } } },
    })
    expect(await ana.send('deal.move', { dealId: 'x', stageId: 1 })).toMatchObject({
      ok: false,
      error: { code: 'validation_failed' },
    })
    expect(await ana.send('deal.move', { ...won, dealId: 999 })).toMatchObject({
      ok: false,
      error: { code: 'not_found' },
    })
    const vera = hub.connect({ token: hub.token('viewer') })
    await vera.next('caught-up')
    expect(await vera.send('deal.move', { ...won, version: 2 })).toMatchObject({
      ok: false,
      error: { code: 'forbidden' },
    })
  })
})

describe('storms', () => {
  const cards = 24
  const hands = 6
  const movesOfEach = 40

  const everyDeal = (hub: Hub) =>
    inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query<{ id: number; stage_id: number; position: string; closed: boolean; kind: string }>(
        `select d.id, d.stage_id, d.position, d.closed_at is not null as closed, s.kind from deals d
         join pipeline_stages s on s.tenant_id = d.tenant_id and s.id = d.stage_id
         where d.tenant_id = $1 order by d.stage_id, d.position`,
        [tx.tenantId],
      ),
    )

  test('[DEAL11] many move cards at once: nobody is lost, no two are at one place, everybody ends with the same board', async () => {
    const random = seededRandom(stormSeed('storm of cards'))
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
    await using hub = await startHub({ DEAL_POSITION_LENGTH: '16' })
    const boards: Board[] = []
    for (let at = 0; at < hands; at++)
      boards.push(await openBoard(hub, { sub: `hand-${at}` }, boards[0]?.api))
    const [board] = boards as [Board]
    const deals = await make(board, ...Array.from({ length: cards }, (_, at) => `card ${at}`))
    const stageIds = ['New', 'Qualified', 'Won'].map((name) => board.stages[name] ?? 0)
    const watchers = [
      ...(await threeWatchers(hub)),
      ...boards.slice(0, 2).map(({ token }, at) => ({ name: `hand ${at}`, token })),
    ]
    const from = await Promise.all(watchers.map((watcher) => takeState(board.api, watcher)))
    const told: Record<number, number> = {}
    let moved = 0
    await Promise.all(
      boards.map(async (hand) => {
        for (let i = 0; i < movesOfEach; i++) {
          const neighbours = {
            ...(random() < 0.5 ? { after: pick(deals).id } : {}),
            ...(random() < 0.3 ? { before: pick(deals).id } : {}),
          }
          const deal = pick(deals)
          const path = `deals/${deal.id}`
          const turn = random()
          const answer = await (turn < 0.1
            ? hand.call('PATCH', path, { stageId: pick(stageIds) })
            : turn < 0.15
              ? hand.call('DELETE', path)
              : turn < 0.2
                ? hand.call('POST', `${path}/restore`)
                : hand.move(deal, { stageId: pick(stageIds), ...neighbours }))
          told[answer.status] = (told[answer.status] ?? 0) + 1
          if (answer.status === 200) moved += 1
        }
      }),
    )
    console.log('storm of cards:', told)
    expect(Object.keys(told).filter((status) => Number(status) >= 500)).toEqual([])
    expect(moved).toBeGreaterThan(20)
    for (const { id } of deals) await board.call('POST', `deals/${id}/restore`)
    const rows = await everyDeal(hub)
    expect(rows.map(({ id }) => id).toSorted((one, other) => one - other)).toEqual(deals.map(({ id }) => id))
    expect(new Set(rows.map((row) => `${row.stage_id} ${row.position}`)).size).toBe(cards)
    expect(rows.filter((row) => row.closed !== (row.kind !== 'open'))).toEqual([])
    for (const [at, watcher] of watchers.entries())
      await expectSameAsSnapshot(board.api, watcher, from[at] as Awaited<ReturnType<typeof takeState>>)
    const shown = await Promise.all(['New', 'Qualified', 'Won'].map((name) => board.column(name)))
    expect(shown.flat()).toHaveLength(cards)
    for (const { id } of deals) {
      const { data } = await board.get<{ data: StageChangeView[] }>(`deals/${id}/stage-changes?limit=200`)
      const row = rows.find((deal) => deal.id === id)
      expect(data.map(({ toStageId }) => toStageId)).toEqual([
        row?.stage_id,
        ...data.slice(0, -1).map(({ fromStageId }) => fromStageId),
      ])
    }
  })

  test('[DEAL11] cards dropped into one gap at the same moment all land there, one behind the other', async () => {
    await using hub = await startHub({ DEAL_POSITION_LENGTH: '16' })
    const board = await openBoard(hub)
    const [a] = (await make(board, 'a', 'b')) as [DealView]
    const others = await make(
      { ...board, deal: (title) => board.make('deals', { title, stageId: board.stages['Won'] }) },
      ...Array.from({ length: 30 }, (_, at) => `${at}`),
    )
    const answers = await Promise.all(
      others.map((deal) => board.move(deal, { stageId: a.stageId, after: a.id })),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200))
    await eventually(async () => {
      const titles = await board.column('New')
      expect([titles[0], titles.at(-1), new Set(titles).size]).toEqual(['a', 'b', 32])
    })
  })
})
