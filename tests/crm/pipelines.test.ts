import { describe, expect, test } from 'vitest'
import type { StageTotal } from '../../src/contract/crm/deal.ts'
import {
  type PipelineStageView,
  type PipelineView,
  pipelineStageView,
  pipelineView,
} from '../../src/contract/crm/pipeline.ts'
import { seedPipelines } from '../../src/domain/pipelines/seed-pipeline.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { startWorkerProcess } from '../harness/worker-process.ts'
import { type Board, openBoard, type Refusal } from './board.ts'

const watched = <T>(hub: Hub, act: () => Promise<T>) => expectReplayEqualsSnapshot(hub, act)

const stagesOf = async (board: Board, pipelineId: number) => {
  const { data } = await board.get<{ data: PipelineStageView[] }>(`pipeline-stages?pipelineId=${pipelineId}`)
  for (const stage of data) pipelineStageView.parse(stage)
  expect(data.map(({ position }) => position)).toEqual(
    [...new Set(data.map(({ position }) => position))].sort((one, other) => one - other),
  )
  return data.map(({ name }) => name)
}

const pipelinesOf = async (board: Board) => {
  const { data } = await board.get<{ data: PipelineView[] }>('pipelines')
  for (const pipeline of data) pipelineView.parse(pipeline)
  expect(data.filter(({ isDefault }) => isDefault)).toHaveLength(1)
  return data.map(({ name, isDefault }) => (isDefault ? `${name}*` : name))
}

const refusal = (answer: { status: number; body: unknown }) => {
  const { code, errors, details } = answer.body as Refusal
  return {
    status: answer.status,
    code,
    ...(errors ? { at: errors.map(({ pointer }) => pointer) } : {}),
    ...(details ? { details } : {}),
  }
}

describe('pipelines', () => {
  test('[PIPE1] a new tenant has a default pipeline with stages to begin with', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    expect(await pipelinesOf(board)).toEqual(['Sales*'])
    const { data } = await board.get<{ data: PipelineStageView[] }>('pipeline-stages')
    expect(data.map(({ name, kind, probability, position }) => [name, kind, probability, position])).toEqual([
      ['New', 'open', 10, 1],
      ['Qualified', 'open', 30, 2],
      ['Proposal', 'open', 50, 3],
      ['Negotiation', 'open', 75, 4],
      ['Won', 'won', 100, 5],
      ['Lost', 'lost', 0, 6],
    ])
    expect(await seedPipelines(hub.deps, { atMost: 10 })).toBe(0)
  })

  test('[PIPE1] a tenant that has none gets it once, however many give it at the same moment, and is told', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub)
    const other = await hub.addTenant()
    for (const { id } of [hub.tenant, other])
      await inTenant(hub.deps, id, async (tx) => {
        await tx.query('delete from pipeline_stages where tenant_id = $1', [id])
        await tx.query('delete from pipelines where tenant_id = $1', [id])
      })
    const counts = await watched(hub, () =>
      Promise.all(Array.from({ length: 6 }, () => seedPipelines(hub.deps, { atMost: 10 }))),
    )
    expect(counts.reduce((sum, count) => sum + count)).toBe(2)
    expect(await pipelinesOf(board)).toEqual(['Sales*'])
    const types = (await board.heard()).map(({ type }) => type).filter((type) => type.startsWith('pipeline'))
    expect(types).toEqual(['pipeline.created', ...Array(6).fill('pipeline_stage.created')])
    expect(await seedPipelines(hub.deps, { atMost: 10 })).toBe(0)
  })

  test('[PIPE1] workers give it without being asked', async () => {
    await using hub = await startHub()
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      await tx.query('delete from pipeline_stages where tenant_id = $1', [tx.tenantId])
      await tx.query('delete from pipelines where tenant_id = $1', [tx.tenantId])
    })
    await startWorkerProcess(hub)
    const board = await openBoard(hub)
    await eventually(async () => expect(await pipelinesOf(board)).toEqual(['Sales*']))
  })

  test('[PIPE2] there is always exactly one default, also when two are chosen at the same moment', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub, { role: 'manager' })
    const second = await watched(hub, () => board.make<PipelineView>('pipelines', { name: 'Partners' }))
    expect(second.isDefault).toBe(false)
    await watched(hub, () => board.make<PipelineView>('pipelines', { name: 'Service', isDefault: true }))
    expect(await pipelinesOf(board)).toEqual(['Partners', 'Sales', 'Service*'])
    await watched(hub, () => board.call('PATCH', `pipelines/${second.id}`, { isDefault: true }))
    expect(await pipelinesOf(board)).toEqual(['Partners*', 'Sales', 'Service'])
    expect(refusal(await board.call('PATCH', `pipelines/${second.id}`, { isDefault: false }))).toMatchObject({
      status: 400,
      at: ['/isDefault'],
    })
    expect(refusal(await board.call('DELETE', `pipelines/${second.id}`))).toMatchObject({
      status: 409,
      code: 'conflict',
    })
    expect(refusal(await board.call('POST', 'pipelines', { name: 'sales' }))).toMatchObject({
      status: 409,
      code: 'conflict',
    })
    const { data } = await board.get<{ data: PipelineView[] }>('pipelines')
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(
        data.map(({ id }) => board.call('PATCH', `pipelines/${id}`, { isDefault: true })),
      )
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      await pipelinesOf(board)
    }
  })

  test('[PIPE3] a pipeline goes and comes back with its stages; not while deals are in them', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub, { role: 'manager' })
    const pipeline = await board.make<PipelineView>('pipelines', { name: 'Partners' })
    const pipelineId = pipeline.id
    const first = await watched(hub, () =>
      board.make<PipelineStageView>('pipeline-stages', { pipelineId, name: 'First' }),
    )
    await board.make<PipelineStageView>('pipeline-stages', { pipelineId, name: 'Second' })
    const third = await board.make<PipelineStageView>('pipeline-stages', { pipelineId, name: 'Third' })
    await board.call('DELETE', `pipeline-stages/${third.id}`)
    const deal = await board.deal('Roof', { stageId: first.id })
    expect(refusal(await board.call('DELETE', `pipelines/${pipelineId}`))).toEqual({
      status: 409,
      code: 'conflict',
      details: { deals: 1 },
    })
    await board.call('DELETE', `deals/${deal.id}`)
    await watched(hub, () => board.call('DELETE', `pipelines/${pipelineId}`))
    expect(await stagesOf(board, pipelineId)).toEqual([])
    expect(refusal(await board.call('POST', 'deals', { title: 'x', stageId: first.id }))).toMatchObject({
      at: ['/stageId'],
    })
    expect(refusal(await board.call('POST', 'pipeline-stages', { pipelineId, name: 'x' }))).toMatchObject({
      at: ['/pipelineId'],
    })
    expect(refusal(await board.call('POST', `pipeline-stages/${third.id}/restore`))).toMatchObject({
      status: 409,
    })
    const { body } = await watched(hub, () =>
      board.call<{ stageId: number }>('POST', `deals/${deal.id}/restore`),
    )
    expect(body.data.stageId, 'its stage is gone, so it is in the first of the default').toBe(
      board.stages['New'],
    )
    await watched(hub, () => board.call('POST', `pipelines/${pipelineId}/restore`))
    expect(await stagesOf(board, pipelineId)).toEqual(['First', 'Second'])
    await watched(hub, () => board.call('POST', `pipeline-stages/${third.id}/restore`))
    expect(await stagesOf(board, pipelineId)).toEqual(['First', 'Second', 'Third'])
  })

  test('[PIPE4] stages are arranged by place, each announced, and never two at the same', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub, { role: 'manager' })
    const { data } = await board.get<{ data: PipelineStageView[] }>('pipeline-stages')
    const pipelineId = data[0]?.pipelineId ?? 0
    const order = () => stagesOf(board, pipelineId)
    const place = (name: string, position: number) =>
      watched(hub, () =>
        board.call<PipelineStageView>('PATCH', `pipeline-stages/${board.stages[name]}`, { position }),
      )
    await place('Negotiation', 1)
    expect(await order()).toEqual(['Negotiation', 'New', 'Qualified', 'Proposal', 'Won', 'Lost'])
    await place('Negotiation', 3)
    expect(await order()).toEqual(['New', 'Qualified', 'Negotiation', 'Proposal', 'Won', 'Lost'])
    expect((await place('New', 99)).body.data.position).toBe(6)
    const made = await watched(hub, () =>
      board.make<PipelineStageView>('pipeline-stages', { name: 'Demo', position: 2, color: '#ABCDEF' }),
    )
    expect(made).toMatchObject({ pipelineId, position: 2, color: '#abcdef', kind: 'open', probability: 0 })
    expect(await order()).toEqual(['Qualified', 'Demo', 'Negotiation', 'Proposal', 'Won', 'Lost', 'New'])
    await watched(hub, () => board.call('DELETE', `pipeline-stages/${made.id}`))
    await place('Lost', 2)
    await watched(hub, () => board.call('POST', `pipeline-stages/${made.id}/restore`))
    expect(await order()).toEqual(['Qualified', 'Lost', 'Negotiation', 'Proposal', 'Won', 'New', 'Demo'])
    await watched(hub, () =>
      board.call('PUT', `pipeline-stages/${made.id}`, { name: 'Show', probability: 20 }),
    )
    expect(await order()).toEqual(['Qualified', 'Lost', 'Negotiation', 'Proposal', 'Won', 'New', 'Show'])
    await Promise.all(
      Object.values(board.stages).flatMap((id, at) => [
        board.call('PATCH', `pipeline-stages/${id}`, { position: ((at * 5) % 7) + 1 }),
        board.call('POST', 'pipeline-stages', { name: `more ${at}`, position: 3 }),
      ]),
    )
    expect((await order()).toSorted()).toEqual(
      [
        'Qualified',
        'Lost',
        'Negotiation',
        'Proposal',
        'Won',
        'New',
        'Show',
        ...[0, 1, 2, 3, 4, 5].map((at) => `more ${at}`),
      ].toSorted(),
    )
    const { token, api } = board
    await expectReplayEqualsSnapshot(hub, () => place('Won', 1), {
      watchers: [{ name: 'manager', token }],
      api,
    })
  })

  test('[PIPE4] what a stage may be is checked at both sides of each limit', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub, { role: 'admin' })
    const make = (body: object) => board.call('POST', 'pipeline-stages', body)
    for (const [body, at] of [
      [{ name: '' }, '/name'],
      [{ name: 'x'.repeat(65) }, '/name'],
      [{ name: 'x', probability: 101 }, '/probability'],
      [{ name: 'x', probability: -1 }, '/probability'],
      [{ name: 'x', position: 0 }, '/position'],
      [{ name: 'x', kind: 'maybe' }, '/kind'],
      [{ name: 'x', color: 'red' }, '/color'],
      [{ name: 'x', pipelineId: 99 }, '/pipelineId'],
    ] as const)
      expect(refusal(await make(body)), JSON.stringify(body)).toMatchObject({ status: 400, at: [at] })
    expect((await make({ name: 'x'.repeat(64), probability: 100 })).status).toBe(201)
    expect((await make({ name: 'y', probability: 0 })).status).toBe(201)
    expect(refusal(await make({ name: 'NEW' }))).toMatchObject({ status: 409, details: { member: 'name' } })
    const other = await board.make<PipelineView>('pipelines', { name: 'Other' })
    expect((await make({ name: 'New', pipelineId: other.id })).status).toBe(201)
    expect(
      refusal(await board.call('PATCH', `pipeline-stages/${board.stages['New']}`, { pipelineId: other.id })),
    ).toMatchObject({
      at: ['/pipelineId'],
    })
  })

  test('[PIPE5] a stage with deals is deleted only when it is said where they go; they keep their order', async () => {
    await using hub = await startHub({ DEALS_PER_STAGE_MOVE: '3' })
    const board = await openBoard(hub, { role: 'manager' })
    const path = `pipeline-stages/${board.stages['New']}`
    await board.deal('there', { stageId: board.stages['Proposal'] })
    const deals = [await board.deal('a'), await board.deal('b'), await board.deal('c'), await board.deal('d')]
    await board.move(deals[2] ?? { id: 0 }, { stageId: board.stages['New'], before: deals[0]?.id })
    expect(refusal(await board.call('DELETE', path))).toEqual({
      status: 409,
      code: 'conflict',
      details: { deals: 4 },
    })
    const to = (stage: string) => board.call('DELETE', `${path}?moveTo=${board.stages[stage]}`)
    expect(refusal(await to('Proposal'))).toEqual({
      status: 409,
      code: 'conflict',
      details: { deals: 4, limit: 3 },
    })
    await board.call('DELETE', `deals/${deals[3]?.id}`)
    expect(refusal(await to('New'))).toMatchObject({ status: 400, at: ['/moveTo'] })
    expect(refusal(await board.call('DELETE', `${path}?moveTo=99`))).toMatchObject({
      status: 400,
      at: ['/moveTo'],
    })
    expect(refusal(await board.call('PATCH', path, { kind: 'won' }))).toMatchObject({
      status: 409,
      details: { member: 'kind', deals: 3 },
    })
    expect((await watched(hub, () => to('Proposal'))).status).toBe(204)
    expect(await board.column('Proposal')).toEqual(['there', 'c', 'a', 'b'])
    expect((await board.heard()).filter(({ type }) => type === 'deal.moved')).toHaveLength(4)
    const { body } = await watched(hub, () =>
      board.call<{ stageId: number }>('POST', `deals/${deals[3]?.id}/restore`),
    )
    expect(body.data.stageId).toBe(board.stages['Qualified'])
    const totals = await board.get<{ data: StageTotal[] }>('deals/totals')
    expect(totals.data.map(({ count }) => count)).toEqual([1, 4, 0, 0, 0])
    expect((await board.call('DELETE', `pipeline-stages/${board.stages['Negotiation']}`)).status).toBe(204)
  })

  test('[PIPE5] a stage that deals come into while it is deleted either stays or is empty', async () => {
    await using hub = await startHub()
    const board = await openBoard(hub, { role: 'manager' })
    for (const name of ['New', 'Qualified', 'Proposal']) {
      const stageId = board.stages[name]
      const target = board.stages['Negotiation']
      const answers = await Promise.all([
        ...[1, 2, 3, 4].map((at) => board.call('POST', 'deals', { title: `${name} ${at}`, stageId })),
        board.call('DELETE', `pipeline-stages/${stageId}?moveTo=${target}`),
        ...[5, 6].map((at) => board.call('POST', 'deals', { title: `${name} ${at}`, stageId })),
      ])
      expect(
        answers.map(({ status }) => status).filter((status) => ![201, 204, 400].includes(status)),
      ).toEqual([])
      const made = answers.filter(({ status }) => status === 201).length
      expect(await board.column(name)).toEqual([])
      expect((await board.column('Negotiation')).filter((title) => title.startsWith(name))).toHaveLength(made)
    }
  })

  test('[PIPE6] managers and admins arrange pipelines, everybody else looks on; another tenant sees nothing', async () => {
    await using hub = await startHub()
    const max = await openBoard(hub, { role: 'manager' })
    const stage = `pipeline-stages/${max.stages['New']}`
    const [pipeline] = (await max.get<{ data: PipelineView[] }>('pipelines')).data
    const other = await openBoard(hub, { role: 'admin', tenant: (await hub.addTenant()).slug }, max.api)
    const writes = [
      ['POST', 'pipelines', { name: 'x' }],
      ['PATCH', `pipelines/${pipeline?.id}`, { name: 'x' }],
      ['PUT', `pipelines/${pipeline?.id}`, { name: 'x' }],
      ['DELETE', `pipelines/${pipeline?.id}`, undefined],
      ['POST', `pipelines/${pipeline?.id}/restore`, undefined],
      ['POST', 'pipeline-stages', { name: 'x' }],
      ['PATCH', stage, { name: 'x' }],
      ['PUT', stage, { name: 'x' }],
      ['DELETE', stage, undefined],
      ['DELETE', `${stage}?moveTo=${max.stages['Won']}`, undefined],
      ['POST', `${stage}/restore`, undefined],
    ] as const
    for (const role of ['viewer', 'agent'] as const) {
      const board = await openBoard(hub, { role }, max.api)
      for (const [method, path, body] of writes)
        expect((await board.call(method, path, body)).status, `${role} ${method} ${path}`).toBe(403)
      expect((await board.call('GET', stage)).status).toBe(200)
    }
    for (const [method, path, body] of writes.filter(([, path]) => path.includes('/')))
      expect((await other.call(method, path, body)).status, `${method} ${path}`).toBe(404)
    expect((await other.call('GET', stage)).status).toBe(404)
    expect(
      (await other.call('POST', 'pipeline-stages', { name: 'x', pipelineId: pipeline?.id })).status,
    ).toBe(400)
    expect(await pipelinesOf(max)).toEqual(['Sales*'])
  })
})
