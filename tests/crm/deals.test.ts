import { describe, expect, test } from 'vitest'
import type { ConversationView } from '../../src/contract/conversation.ts'
import {
  type DealView,
  dealView,
  type StageChangeView,
  type StageTotal,
  stageChangeView,
} from '../../src/contract/crm/deal.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel, buildContact, buildConversation } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { type Board, openBoard, type Refusal } from './board.ts'

const watched = <T>(hub: Hub, act: () => Promise<T>) => expectReplayEqualsSnapshot(hub, act)

const pointersOf = (answer: { body: unknown }) =>
  (answer.body as Refusal).errors?.map(({ pointer }) => pointer).toSorted()

const typesSince = async (board: Board, seq: number) =>
  (await board.heard())
    .filter((event) => event.seq > seq && !event.type.startsWith('user.'))
    .map(({ type }) => type)

const lastSeq = async (board: Board) => (await board.heard()).at(-1)?.seq ?? 0

describe('deals', () => {
  test('[DEAL1] are made, changed, replaced, deleted and brought back, and everybody who may see them hears of it', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const customer = await board.make<{ id: number }>('customers', { name: 'Acme' })
    const contactId = await buildContact(hub)
    const made = await watched(hub, () =>
      board.deal(' Roof ', {
        customerId: customer.id,
        contactId,
        ownerId: board.actor.kind === 'user' ? board.actor.id : null,
        valueMinor: 1_200_050,
        currency: 'EUR',
        expectedCloseOn: '2026-12-31',
      }),
    )
    dealView.parse(made)
    expect(made).toMatchObject({
      title: 'Roof',
      customerId: customer.id,
      contactId,
      valueMinor: 1_200_050,
      currency: 'EUR',
      probability: 10,
      expectedCloseOn: '2026-12-31',
      closedAt: null,
      lostReason: null,
      conversationIds: [],
      position: 'a0',
      version: 1,
    })
    const path = `deals/${made.id}`
    expect(await board.get(path)).toEqual({ data: made })
    const patched = await watched(hub, () =>
      board.call<DealView>('PATCH', path, { probability: 33, title: 'Roof and walls' }),
    )
    expect(patched.body.data).toMatchObject({
      probability: 33,
      title: 'Roof and walls',
      position: 'a0',
      version: 2,
    })
    const back = await watched(hub, () => board.call<DealView>('PATCH', path, { probability: null }))
    expect(back.body.data.probability).toBe(10)
    const replaced = await watched(hub, () =>
      board.call<DealView>('PUT', path, { title: 'Wall', stageId: made.stageId }),
    )
    expect(replaced.body.data).toMatchObject({
      title: 'Wall',
      customerId: null,
      valueMinor: null,
      currency: null,
      ownerId: null,
    })
    await watched(hub, () => board.call('DELETE', path))
    expect(await board.column('New')).toEqual([])
    expect((await board.call('PATCH', path, { title: 'x' })).status).toBe(404)
    expect((await board.move(made, { stageId: made.stageId })).status).toBe(404)
    await watched(hub, () => board.call('POST', `${path}/restore`))
    expect(await board.column('New')).toEqual(['Wall'])
  })

  test('[DEAL2] what does not exist or does not fit is named at its place, at both sides of every limit', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const other = await openBoard(hub, { role: 'admin', tenant: (await hub.addTenant()).slug }, board.api)
    const foreign = await other.make<{ id: number }>('customers', { name: 'Theirs' })
    const refused = async (more: object) => {
      const answer = await board.call('POST', 'deals', { title: 'x', stageId: board.stages['New'], ...more })
      expect(answer.status, JSON.stringify(answer.body)).toBe(400)
      return pointersOf(answer)
    }
    const strange = '01a1fcee-c940-7000-9cf0-c2319d33019a'
    expect(await refused({ customerId: foreign.id })).toEqual(['/customerId'])
    expect(await refused({ customerId: 99, contactId: 99, conversationIds: [strange] })).toEqual([
      '/contactId',
      '/conversationIds/0',
      '/customerId',
    ])
    expect(await refused({ stageId: other.stages['New'] })).toEqual(['/stageId'])
    expect(await refused({ ownerId: strange })).toEqual(['/ownerId'])
    expect(await refused({ valueMinor: 1 })).toEqual(['/currency'])
    expect(await refused({ lostReason: 'no' })).toEqual(['/lostReason'])
    expect(
      await refused({ currency: 'EURO', valueMinor: -1, probability: 101, expectedCloseOn: '2026-02-30' }),
    ).toEqual(['/currency', '/expectedCloseOn', '/probability', '/valueMinor'])
    expect(await refused({ currency: 'ZZZ', probability: 1.5, valueMinor: 1_000_000_000_001 })).toEqual([
      '/currency',
      '/probability',
      '/valueMinor',
    ])
    expect(await refused({ title: 'x'.repeat(256), position: 'a0', closedAt: null })).toEqual([
      '/closedAt',
      '/position',
      '/title',
    ])
    const most = await board.deal('x'.repeat(255), {
      valueMinor: 1_000_000_000_000,
      currency: 'JPY',
      probability: 100,
    })
    expect(most).toMatchObject({ valueMinor: 1_000_000_000_000, probability: 100 })
    expect(await board.deal('free', { valueMinor: 0, currency: 'EUR', probability: 0 })).toMatchObject({
      valueMinor: 0,
      probability: 0,
    })
    expect(pointersOf(await board.call('PATCH', `deals/${most.id}`, { currency: null }))).toEqual([
      '/currency',
    ])
    await board.call(
      'DELETE',
      `customers/${(await board.make<{ id: number }>('customers', { name: 'Gone' })).id}`,
    )
    expect(await refused({ customerId: 1 })).toEqual(['/customerId'])
  })

  test('[DEAL3] entering a stage sets the probability, the moments and the history; won and lost close, leaving them reopens', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const deal = await board.deal('Roof', { probability: 42 })
    const to = (stage: string, more: object = {}) =>
      watched(hub, async () => {
        const answer = await board.move(deal, { stageId: board.stages[stage], ...more })
        expect(answer.status, JSON.stringify(answer.body)).toBe(200)
        return answer.body.data
      })
    let seq = await lastSeq(board)
    const proposal = await to('Proposal')
    expect(proposal).toMatchObject({ probability: 50, closedAt: null, version: 2 })
    expect(proposal.enteredStageAt > deal.enteredStageAt).toBe(true)
    expect(await typesSince(board, seq)).toEqual(['deal.moved'])
    seq = await lastSeq(board)
    const won = await to('Won')
    expect(won).toMatchObject({ probability: 100, closedAt: won.enteredStageAt })
    expect(await typesSince(board, seq)).toEqual(['deal.moved', 'deal.won'])
    seq = await lastSeq(board)
    await board.call('PATCH', `deals/${deal.id}`, { title: 'Roof, sold' })
    expect(await typesSince(board, seq)).toEqual(['deal.updated'])
    seq = await lastSeq(board)
    const lost = await to('Lost', { lostReason: 'too dear' })
    expect(lost).toMatchObject({ probability: 0, lostReason: 'too dear' })
    expect(lost.closedAt).toBe(lost.enteredStageAt)
    expect(await typesSince(board, seq)).toEqual(['deal.moved', 'deal.lost'])
    expect(pointersOf(await board.move(deal, { stageId: board.stages['Won'], lostReason: 'x' }))).toEqual([
      '/lostReason',
    ])
    const other = await board.call<DealView>('PATCH', `deals/${deal.id}`, { lostReason: 'too late' })
    expect(other.body.data.lostReason).toBe('too late')
    const again = await to('New')
    expect(again).toMatchObject({ probability: 10, closedAt: null, lostReason: null })
    seq = await lastSeq(board)
    const born = await watched(hub, () => board.deal('Gift', { stageId: board.stages['Won'] }))
    expect(born.closedAt).toBe(born.enteredStageAt)
    expect(await typesSince(board, seq)).toEqual(['deal.created', 'deal.won'])

    const changes = await board.get<{ data: StageChangeView[]; nextCursor: string | null }>(
      `deals/${deal.id}/stage-changes`,
    )
    for (const change of changes.data) stageChangeView.parse(change)
    const names = Object.fromEntries(Object.entries(board.stages).map(([name, id]) => [id, name]))
    expect(changes.data.map((change) => names[change.toStageId])).toEqual([
      'New',
      'Lost',
      'Won',
      'Proposal',
      'New',
    ])
    expect(
      changes.data.map((change) => (change.fromStageId === null ? null : names[change.fromStageId])),
    ).toEqual(['Lost', 'Won', 'Proposal', 'New', null])
    expect(changes.data[0]?.by).toEqual({ kind: 'user', id: expect.any(String), name: expect.any(String) })
    expect(changes.data.map(({ secondsInStage }) => secondsInStage)).toEqual(
      [0, 0, 0, 0, null].map((seconds) => (seconds === null ? null : expect.any(Number))),
    )
    const walked: string[] = []
    for (let cursor = ''; ; ) {
      const page = await board.get<{ data: StageChangeView[]; nextCursor: string | null }>(
        `deals/${deal.id}/stage-changes?limit=2${cursor}`,
      )
      walked.push(...page.data.map(({ id }) => id))
      if (page.nextCursor === null) break
      cursor = `&cursor=${page.nextCursor}`
    }
    expect(walked).toEqual(changes.data.map(({ id }) => id))
  })

  test('[DEAL3] the time in a stage is counted in seconds from when it was entered', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const deal = await board.deal('Roof')
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(
        `update deals set entered_stage_at = entered_stage_at - interval '90 minutes' where tenant_id = $1 and id = $2`,
        [tx.tenantId, deal.id],
      ),
    )
    await board.move(deal, { stageId: board.stages['Won'] })
    const [change] = (await board.get<{ data: StageChangeView[] }>(`deals/${deal.id}/stage-changes`)).data
    expect(change?.secondsInStage).toBeGreaterThanOrEqual(5400)
    expect(change?.secondsInStage).toBeLessThan(5460)
    // Shown in whole seconds, kept as it was: stays add up to the time between first and last change.
    await board.move(deal, { stageId: board.stages['New'] })
    const stays = await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query<{ exactly: number; between: number }>(
        `select sum(seconds_in_stage) as exactly, extract(epoch from max(at) - min(at))::float8 + 5400 as between
         from deal_stage_changes where tenant_id = $1 and deal_id = $2`,
        [tx.tenantId, deal.id],
      ),
    )
    expect(stays[0]?.exactly).toBeCloseTo(stays[0]?.between ?? 0, 4)
  })

  test('[DEAL4] links with conversations show on both sides, and go and come with the deal', async () => {
    await using hub = await startHub()
    const channelId = await buildChannel(hub)
    const board = await openBoard(hub)
    const [one, two] = [await buildConversation(hub, channelId), await buildConversation(hub, channelId)]
    const dealIdsOf = async (id: string) =>
      (await board.api.get<{ data: ConversationView }>(board.token, `/conversations/${id}`)).data.dealIds
    const deal = await watched(hub, () =>
      board.deal('Roof', { conversationIds: [two.id.toUpperCase(), one.id, two.id] }),
    )
    expect(deal.conversationIds).toEqual([one.id, two.id].toSorted())
    expect([await dealIdsOf(one.id), await dealIdsOf(two.id)]).toEqual([[deal.id], [deal.id]])
    const set = (conversationIds: string[]) =>
      watched(hub, () => board.call<DealView>('PATCH', `deals/${deal.id}`, { conversationIds }))
    expect((await set([two.id])).body.data).toMatchObject({ conversationIds: [two.id], version: 2 })
    expect([await dealIdsOf(one.id), await dealIdsOf(two.id)]).toEqual([[], [deal.id]])
    const listed = await board.get<{ data: DealView[] }>(`deals?conversationId=${two.id}`)
    expect(listed.data.map(({ id }) => id)).toEqual([deal.id])
    await watched(hub, () => board.call('DELETE', `deals/${deal.id}`))
    expect(await dealIdsOf(two.id)).toEqual([])
    await watched(hub, () => board.call('POST', `deals/${deal.id}/restore`))
    expect(await dealIdsOf(two.id)).toEqual([deal.id])
    const seq = await lastSeq(board)
    await board.call('PATCH', `deals/${deal.id}`, { conversationIds: [two.id] })
    expect(await typesSince(board, seq)).toEqual([])
  })

  test('[DEAL4] nobody links a conversation that they may not see; one that is linked already stays', async () => {
    await using hub = await startHub()
    const channelId = await buildChannel(hub)
    const ana = await openBoard(hub, { sub: 'ana' })
    const ben = await openBoard(hub, { sub: 'ben' }, ana.api)
    const { id } = await buildConversation(hub, channelId)
    const deal = await ana.deal('Roof', { conversationIds: [id] })
    expect((await ana.api.call(ana.token, 'POST', `/conversations/${id}/claim`)).status).toBe(200)
    expect(
      pointersOf(
        await ben.call('POST', 'deals', { title: 'x', stageId: ben.stages['New'], conversationIds: [id] }),
      ),
    ).toEqual(['/conversationIds/0'])
    expect(
      (await ben.call<DealView>('PATCH', `deals/${deal.id}`, { conversationIds: [id], title: 'Wall' })).body
        .data,
    ).toMatchObject({
      title: 'Wall',
      conversationIds: [id],
    })
  })

  test("[DEAL5] agents have their own deals and nobody's, managers all, viewers look on; whose it is decides at once", async () => {
    await using hub = await startHub()
    const ana = await openBoard(hub, { sub: 'ana' })
    const ben = await openBoard(hub, { sub: 'ben' }, ana.api)
    const max = await openBoard(hub, { role: 'manager', sub: 'max' }, ana.api)
    const vera = await openBoard(hub, { role: 'viewer', sub: 'vera' }, ana.api)
    const idOf = ({ actor }: Board) => (actor.kind === 'user' ? actor.id : '')
    const watchers = [ana, ben, max, vera].map((board) => ({ name: idOf(board), token: board.token }))
    const seen = async <T>(act: () => Promise<T>) =>
      expectReplayEqualsSnapshot(hub, act, { watchers, api: ana.api })
    const titles = async (board: Board, query = '') =>
      (await board.get<{ data: DealView[] }>(`deals?sort=title${query}`)).data.map(({ title }) => title)

    const mine = await seen(() => ana.deal('of ana', { ownerId: idOf(ana) }))
    await seen(() => ben.deal('of ben', { ownerId: idOf(ben) }))
    await seen(() => ana.deal('of nobody'))
    expect(await Promise.all([ana, ben, max, vera].map((board) => titles(board)))).toEqual([
      ['of ana', 'of nobody'],
      ['of ben', 'of nobody'],
      ['of ana', 'of ben', 'of nobody'],
      ['of ana', 'of ben', 'of nobody'],
    ])
    expect([
      await titles(ana, '&ownerId=me'),
      await titles(ana, '&ownerId=none'),
      await titles(ana, `&ownerId=${idOf(ben)}`),
    ]).toEqual([['of ana'], ['of nobody'], []])
    const path = `deals/${mine.id}`
    const status = async (board: Board, method: string, at = path, body?: object) =>
      (await board.call(method, at, body)).status
    const stageId = ana.stages['Won']
    for (const [method, at, body] of [
      ['PATCH', path, { title: 'x' }],
      ['PUT', path, { title: 'x', stageId }],
      ['POST', `${path}/move`, { stageId }],
      ['DELETE', path, undefined],
      ['POST', `${path}/restore`, undefined],
    ] as const) {
      expect(
        [await status(ben, method, at, body), await status(vera, method, at, body)],
        `${method} ${at}`,
      ).toEqual([404, 403])
    }
    expect([
      await status(ben, 'GET'),
      await status(ben, 'GET', `${path}/stage-changes`),
      await status(vera, 'GET'),
    ]).toEqual([404, 404, 200])
    expect(await status(vera, 'POST', 'deals', { title: 'x', stageId })).toBe(403)

    const given = await seen(() => ana.call<DealView>('PATCH', path, { ownerId: idOf(ben) }))
    expect(given.status).toBe(200)
    expect(await Promise.all([ana, ben].map((board) => titles(board)))).toEqual([
      ['of nobody'],
      ['of ana', 'of ben', 'of nobody'],
    ])
    expect((await ana.heard()).filter(({ type }) => type === 'deal.hidden')).toMatchObject([
      { data: { dealId: mine.id, version: 2 } },
    ])
    for (const board of [ben, max, vera])
      expect((await board.heard()).some(({ type }) => type === 'deal.hidden')).toBe(false)
    await seen(() => max.move(mine, { stageId: ana.stages['Proposal'] }))
    await seen(() => max.call('PATCH', path, { ownerId: null }))
    await seen(() => max.call('PATCH', path, { ownerId: idOf(ana) }))
    await seen(() => max.call('DELETE', path))
    await seen(() => max.call('POST', `${path}/restore`))
    expect(await titles(ana)).toEqual(['of ana', 'of nobody'])
    const found = await ben.api.get<{ data: { title: string }[] }>(ben.token, '/search?kind=deals&q=of')
    expect(found.data.map(({ title }) => title).toSorted()).toEqual(['of ben', 'of nobody'])
  })

  test('[DEAL5] another tenant sees nothing of a deal', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const deal = await board.deal('Roof')
    const other = await openBoard(hub, { role: 'admin', tenant: (await hub.addTenant()).slug }, board.api)
    for (const [method, at, body] of [
      ['GET', '', undefined],
      ['GET', '/stage-changes', undefined],
      ['PATCH', '', { title: 'x' }],
      ['DELETE', '', undefined],
      ['POST', '/restore', undefined],
      ['POST', '/move', { stageId: other.stages['Won'] }],
    ] as const)
      expect((await other.call(method, `deals/${deal.id}${at}`, body)).status, `${method} ${at}`).toBe(404)
    expect(await other.get('deals')).toMatchObject({ data: [] })
    const theirs = await other.deal('Theirs')
    expect((await other.move(theirs, { stageId: other.stages['New'], after: deal.id })).status).toBe(409)
    expect((await other.move(theirs, { stageId: board.stages['New'] })).status).toBe(400)
    expect((await other.get<{ data: StageTotal[] }>('deals/totals')).data.map(({ count }) => count)).toEqual([
      1, 0, 0, 0, 0, 0,
    ])
  })
})
