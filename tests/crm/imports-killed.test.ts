import { expect, test } from 'vitest'
import { eventually } from '../harness/eventually.ts'
import { startHub } from '../harness/hub.ts'
import { blockedAt, kill, killed, lineTo, openSession } from '../harness/killing.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { startWorkerProcess } from '../harness/worker-process.ts'
import { customers, ended, get, start, upload } from './bringing.ts'

const settings = { IMPORT_BATCH: '10', IMPORT_LEASE_MS: '500', SWEEP_MS: '100' }
const fileOf = (rows: number) => `name\n${Array.from({ length: rows }, (_, i) => `c${i}`).join('\n')}`

test(`[CSV6] ${killed('run-import', 'before')} nothing is there, and the next worker writes all of it`, async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const { id } = await upload(rest, token, fileOf(30))
  await start(rest, token, id)
  const holder = await openSession(hub)
  await holder.query('begin; select 1 from imports for no key update')
  const worker = await startWorkerProcess(hub, settings)
  await blockedAt(hub, 'update imports')
  await kill(worker)
  await holder.query('rollback')
  expect((await get(rest, token, id)).state).toBe('queued')
  expect(await customers(rest, token)).toEqual([])
  await startWorkerProcess(hub, settings)
  expect(await ended(rest, token, id)).toMatchObject({ state: 'done', rowsDone: 30, created: 30, failed: 0 })
}, 60_000)

test(`[CSV6] ${killed('run-import', 'between')} what is there is whole, and the next worker doubles nothing`, async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const rows = 600
  const { id } = await upload(rest, token, fileOf(rows))
  const first = await startWorkerProcess(hub, settings)
  await start(rest, token, id)
  await eventually(async () => expect((await get(rest, token, id)).rowsDone).toBeGreaterThan(20))
  await kill(first)
  const left = await get(rest, token, id)
  expect([left.state, left.rowsDone < rows]).toEqual(['running', true])
  expect(await customers(rest, token)).toHaveLength(left.rowsDone)
  await startWorkerProcess(hub, settings)
  expect(await ended(rest, token, id)).toMatchObject({
    state: 'done',
    rowsDone: rows,
    created: rows,
    failed: 0,
  })
  const names = (await customers(rest, token)).map(({ name }) => name)
  expect([names.length, new Set(names).size]).toEqual([rows, rows])
}, 60_000)

test(`[CSV6] ${killed('run-import', 'after')} it is done, and the next worker leaves it alone`, async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  const { id } = await upload(rest, token, fileOf(30))
  await start(rest, token, id)
  const { line, environment } = await lineTo(hub, 'DATABASE_URL')
  const answer = line.withholdAnswer(/import\.finished[^]*commit\0/)
  const worker = await startWorkerProcess(hub, { ...settings, ...environment })
  await answer.arrived
  await kill(worker)
  const done = await get(rest, token, id)
  expect(done).toMatchObject({ state: 'done', rowsDone: 30, created: 30, failed: 0 })
  // Another file is written, by who would have taken up the first one again.
  const next = await upload(rest, token, 'name\nanother')
  await start(rest, token, next.id)
  await startWorkerProcess(hub, settings)
  expect(await ended(rest, token, next.id)).toMatchObject({ state: 'done', created: 1 })
  expect(await get(rest, token, id)).toEqual(done)
  expect(await customers(rest, token)).toHaveLength(31)
}, 60_000)
