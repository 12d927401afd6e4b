import { expect, test } from 'vitest'
import type { PipelineStageView } from '../../src/contract/crm/pipeline.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { seededRandom, stormSeed } from '../harness/random.ts'
import { eventually } from '../harness/eventually.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { startWorkerProcess } from '../harness/worker-process.ts'
import { bring, ended, errorsOf, get, openWithWorkers, start, upload } from './bringing.ts'

/** What a run says: its counts, and what is wrong with which row. Ids of records that it makes are different each time. */
async function said(rest: RestClient, token: string, file: string, more: object) {
  const { id, state, rowsDone, created, updated, unchanged, failed } = await bring(rest, token, file, more)
  const errors = (await errorsOf(rest, token, id)).replaceAll(/\(contact \d+\)/g, '(contact)')
  return { state, rowsDone, created, updated, unchanged, failed, errors }
}

/** Brings a file twice, first as a dry run, and expects the same of both. */
async function expectSame(rest: RestClient, token: string, file: string, more: object) {
  const dry = await said(rest, token, file, { ...more, dryRun: true })
  const real = await said(rest, token, file, more)
  expect(dry, `${JSON.stringify(more)}\n${file}`).toEqual(real)
  return real
}

async function make(rest: RestClient, token: string, path: string, json: object): Promise<number> {
  const answer = await rest.call<{ data: { id: number } }>('POST', `/admin/${path}`, { token, json })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.data.id
}

function draftsOf(hub: Hub): Promise<object[]> {
  return inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query('select record_id from import_drafts union all select record_id from import_draft_keys'),
  )
}

test('[CSV5] a dry run says what the real one does: rows with one key across a border of batches', async () => {
  await using hub = await startHub({ IMPORT_BATCH: '2' })
  const rest = await openWithWorkers(hub)
  const token = hub.token('manager')
  const customers = [
    'name,email,company',
    'Acme,a@b.example,one',
    'Beta,b@b.example,one',
    'Acme again,A@b.example,two',
    ',a@b.example,three',
    'Acme again,a@b.example,two',
    'Gamma,,',
  ].join('\n')
  const more = { upsertKey: 'email' }
  expect(await expectSame(rest, token, customers, more)).toMatchObject({
    created: 3,
    updated: 2,
    unchanged: 0,
    failed: 1,
  })
  // Now over what the first one wrote.
  expect(await expectSame(rest, token, customers, more)).toMatchObject({
    created: 1,
    updated: 3,
    unchanged: 1,
    failed: 1,
  })
  const contacts = [
    'firstName,phone,identities',
    'Ana,+4917012345,username:ana',
    'Bo,+4917012346,',
    'Ana B,+4917012345,',
    // Whose address is somebody's who is only about to be made.
    'Cy,+4917012347,username:ana',
    'Di,+4917012347,phone:4917012346',
    // The number that Ana gave away below is free by then.
    'Ana C,+4917012345,phone:4917012345; phone:4917012348',
    'Ed,+4917012348,',
  ].join('\n')
  expect(await expectSame(rest, token, contacts, { entity: 'contact', upsertKey: 'phone' })).toMatchObject({
    created: 2,
    failed: 2,
    updated: 3,
  })
  expect(await draftsOf(hub)).toEqual([])
}, 120_000)

test('[CSV5] a dry run says what the real one does: who comes first at a customer, batch after batch', async () => {
  await using hub = await startHub({ IMPORT_BATCH: '1' })
  const rest = await openWithWorkers(hub)
  const token = hub.token('manager')
  const customerId = await make(rest, token, 'customers', { name: 'Acme' })
  const ids: number[] = []
  for (const [firstName, isPrimary] of [
    ['Ana', true],
    ['Bo', false],
    ['Cy', false],
  ] as const)
    ids.push(await make(rest, token, 'contacts', { firstName, isPrimary, customerId }))
  const [ana, bo, cy] = ids
  const file = `id,firstName,isPrimary\n${bo},Bo,yes\n${cy},Cy,yes\n${ana},Ana,yes\n${ana},Ana,yes\n${bo},Bo,no\n`
  expect(await expectSame(rest, token, file, { entity: 'contact', upsertKey: 'id' })).toMatchObject({
    updated: 3,
    unchanged: 2,
    failed: 0,
  })
}, 120_000)

test('[CSV5] a dry run says what the real one does: deals that are moved to and fro', async () => {
  await using hub = await startHub({ IMPORT_BATCH: '2' })
  const rest = await openWithWorkers(hub)
  const token = hub.token('manager')
  const { body } = await rest.call<{ data: PipelineStageView[] }>('GET', '/admin/pipeline-stages', { token })
  const stageId = body.data.find(({ name }) => name === 'New')?.id
  const one = await make(rest, token, 'deals', { title: 'One', stageId })
  const two = await make(rest, token, 'deals', { title: 'Two', stageId })
  const file = [
    'id,title,stage',
    `${one},One,Qualified`,
    `${one},One,`,
    `${two},Two,Qualified`,
    `${two},Two,Nowhere`,
    `${one},One,qualified`,
    `${two},Two,New`,
    `${two},Two,New`,
    `${one},One,New`,
    ',Three,New',
  ].join('\n')
  expect(await expectSame(rest, token, file, { entity: 'deal', upsertKey: 'id' })).toMatchObject({
    created: 1,
    failed: 1,
    updated: 4,
    unchanged: 3,
  })
}, 120_000)

test('[CSV5] a dry run says what the real one does, whatever the file and wherever its batches end', async () => {
  await using hub = await startHub({ IMPORT_BATCH: '3' })
  const rest = await openWithWorkers(hub)
  const token = hub.token('manager')
  const random = seededRandom(stormSeed('dry runs'))
  const below = (end: number) => Math.floor(random() * end)
  const pick = <Item>(...items: readonly Item[]) => items[below(items.length)] as Item
  const rarely = (wrong: string, right: string) => (random() < 0.04 ? wrong : right)
  const customers = [
    await make(rest, token, 'customers', { name: 'A' }),
    await make(rest, token, 'customers', { name: 'B' }),
  ]
  const people: number[] = []
  for (const at of [0, 1, 2])
    people.push(
      await make(rest, token, 'contacts', {
        firstName: `p${at}`,
        email: `p${at}@b.example`,
        identities: [{ kind: 'phone', value: `491700000${at}` }],
        customerId: pick(...customers, null),
        isPrimary: pick(true, false),
      }),
    )
  const sum = { created: 0, found: 0, failed: 0 }
  for (const upsertKey of ['phone', 'email', 'id', 'none', 'phone', 'email', 'phone', 'id']) {
    const number = () => `+491700000${below(6)}`
    const row = () =>
      [
        upsertKey === 'id' ? rarely('999999', pick(...people.map(String), '')) : '',
        rarely('', pick('x', 'y')),
        rarely('no', pick(`p${below(5)}@b.example`, `P${below(5)}@b.example`, '')),
        rarely('12', pick(number(), number(), '')),
        pick(
          '',
          `username:u${below(3)}`,
          `phone:${number().slice(1)}; username:u${below(3)}`,
          `phone:${number().slice(1)}`,
        ),
        rarely('999999', pick(...customers.map(String), '')),
        pick('yes', 'no', '', ''),
      ].join(',')
    const wholeHeader = 'id,firstName,email,phone,identities,customerId,isPrimary'
    const rows: string[] = []
    // Of four rows one is there already.
    while (rows.length < 24) rows.push(random() < 0.25 ? pick(row(), ...rows) : row())
    const more = { entity: 'contact', upsertKey }
    const left = ['identities', 'customerId', 'isPrimary', 'email'].filter(
      (name) => name !== upsertKey && random() < 0.3,
    )
    const mapping = Object.fromEntries(left.map((name) => [name, null]))
    const real = await expectSame(rest, token, [wholeHeader, ...rows].join('\n'), { ...more, mapping })
    sum.created += real.created
    sum.found += real.updated + real.unchanged
    sum.failed += real.failed
  }
  for (const [name, count] of Object.entries(sum)) expect(count, name).toBeGreaterThan(0)
}, 240_000)

test('[CSV5] [CSV6] a dry run that is killed in the middle goes on where it was, with what was there', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('manager')
  const settings = { IMPORT_BATCH: '5', IMPORT_LEASE_MS: '500', SWEEP_MS: '100' }
  // The second half names everybody of the first half again.
  const row = (at: number) => `c${at},c${at % 300}@b.example`
  const file = ['name,email', ...Array.from({ length: 600 }, (_, at) => row(at))].join('\n')
  const { id } = await upload(rest, token, file, { upsertKey: 'email', dryRun: true })
  const first = await startWorkerProcess(hub, settings)
  await start(rest, token, id)
  await eventually(async () => expect((await get(rest, token, id)).rowsDone).toBeGreaterThan(20))
  first.signal('SIGKILL')
  await first.ended()
  const left = await get(rest, token, id)
  expect([left.state, left.rowsDone < 600]).toEqual(['running', true])
  await startWorkerProcess(hub, settings)
  expect(await ended(rest, token, id)).toMatchObject({ state: 'done', created: 300, updated: 300, failed: 0 })
  expect(await draftsOf(hub)).toEqual([])
}, 60_000)
