import { expect, test } from 'vitest'
import type { CustomerView } from '../../src/contract/crm/customer.ts'
import type { ImportView } from '../../src/contract/crm/import.ts'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import { formatPosition } from '../../src/contract/position.ts'
import type { CreatedImport } from '../../src/contract/rest/imports.ts'
import type { AuditEntryView } from '../../src/contract/rest/audit.ts'
import { readHead } from '../../src/log/read.ts'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { bring, customers, ended, errorsOf, get, openWithWorkers, start, upload } from './bringing.ts'

test('[CSV4] what was exported comes back as it was, in another tenant and over itself', async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const other = await hub.addTenant()
  const here = hub.token('manager')
  const there = hub.token('manager', { tenant: other.slug })
  const make = async (token: string, path: string, json: object) => {
    const answer = await rest.call<{ data: { id: number } }>('POST', `/admin/${path}`, { token, json })
    expect(answer.status, answer.text).toBe(201)
    return answer.body.data.id
  }
  for (const token of [there, here]) {
    for (const [key, type] of Object.entries({
      note: 'text',
      size: 'number',
      budget: 'currency',
      vip: 'checkbox',
    }))
      await make(token, 'custom-fields', { entity: 'customer', key, label: key, type })
    for (const name of ['a;b', 'c\\d']) await make(token, 'tags', { name })
  }
  const { body } = await rest.call<{ data: { id: number }[] }>('GET', '/admin/tags', { token: here })
  const tags = body.data.map(({ id }) => id)
  await make(here, 'customers', {
    name: '=1+1, "quoted"',
    email: 'a@b.example',
    phone: '+4917012345',
    address: '-1\r\nline 2',
    website: 'https://a.example',
    status: 'active',
    tags,
    customFields: { note: "'+x", size: -12.5, budget: { valueMinor: -120050, currency: 'EUR' }, vip: false },
  })
  await make(here, 'customers', { name: "'tis", company: '@home' })
  const { text } = await rest.call('GET', '/admin/customers/export', { token: here })
  const bare = (views: CustomerView[]) =>
    views.map((view) => ({
      ...view,
      id: 0,
      createdAt: '',
      updatedAt: '',
      version: 0,
      tags: view.tags.length,
    }))
  expect(await bring(rest, there, text)).toMatchObject({ state: 'done', created: 2, failed: 0, rowsTotal: 2 })
  const before = await customers(rest, here)
  expect(bare(await customers(rest, there))).toEqual(bare(before))
  expect(await bring(rest, here, text, { upsertKey: 'id' })).toMatchObject({ unchanged: 2, updated: 0 })
  expect(await customers(rest, here)).toEqual(before)
})

test('[CSV5] each row is judged, told and put into the trail as if it were alone; what fails leaves the others alone', async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const { token, actor } = await hub.signIn('agent')
  const head = await readHead(hub.deps, hub.tenant.id)
  const file = [
    'Firma;E-Mail;phone;status;Remarks',
    'Acme;a@b.example;+49 170 12345;active;x',
    'Beta;A@B.example;;;x',
    ';c@d.example;;;',
    'Gamma;no;12;rich;',
    'Delta;;;;;;',
    '"Eps"ilon;;;;',
    'Zeta;;;;\0',
    `Eta;${'x'.repeat(10_001)};;;`,
    'Theta',
  ].join('\r\n')
  const mapping = { Firma: 'name', 'E-Mail': 'email' }
  const result = await expectReplayEqualsSnapshot(hub, () =>
    bring(rest, token, file, { mapping, upsertKey: 'email' }),
  )
  expect(result).toMatchObject({
    state: 'done',
    rowsTotal: 9,
    rowsDone: 9,
    created: 2,
    updated: 1,
    failed: 6,
  })
  expect(await customers(rest, token)).toMatchObject([
    { name: 'Beta', email: 'A@B.example', phone: null, status: 'active', version: 2 },
    { name: 'Theta' },
  ])
  const lines = (await errorsOf(rest, token, result.id)).split('\r\n')
  expect(lines[0]).toBe('line,reason')
  expect(lines.slice(1, -1).map((line) => line.slice(0, 2))).toEqual(['4,', '5,', '6,', '7,', '8,', '9,'])
  for (const [at, part] of [
    [1, 'name'],
    [2, 'email'],
    [3, '7 cells where the header has 5'],
    [4, 'behind a closing quotation mark'],
    [5, 'zero character'],
    [6, 'more than 10000 characters'],
  ] as const)
    expect(lines[at]).toContain(part)
  const admin = hub.token('admin')
  const trail = await rest.call<{ data: AuditEntryView[] }>('GET', '/admin/audit-logs?limit=50', {
    token: admin,
  })
  expect(trail.body.data.map(({ action }) => action).toReversed()).toEqual([
    'tenant.create',
    'import.create',
    'import.start',
    'customer.create',
    'customer.update',
    'customer.create',
    'import.finish',
  ])
  expect(trail.body.data[1]?.actor).toMatchObject({ kind: 'user', id: actor.id })
  const { body } = await rest.call<{ data: AnyLogEvent[] }>(
    'GET',
    `/api/v1/events?after=${formatPosition(head)}`,
    { token },
  )
  expect(body.data.map(({ type }) => type).filter((type) => /^(import|customer)\./.test(type))).toEqual([
    'import.created',
    'import.progressed',
    'customer.created',
    'customer.updated',
    'customer.created',
    'import.finished',
  ])
})

test('[CSV5] an empty cell that is needed is called missing; names of a choice are known in any case', async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const token = hub.token('manager')
  const { id } = (
    await rest.call<{ data: CustomerView }>('POST', '/admin/customers', {
      token,
      json: { name: 'Old', email: 'old@b.example' },
    })
  ).body.data
  const file = [
    'name,email,status,website',
    ',c@d.example,lead,',
    ',OLD@b.example,lead,',
    'Acme,a@b.example,ACTIVE,',
    'Beta,,rich,',
    ',,,nope',
  ].join('\n')
  const result = await bring(rest, token, file, { upsertKey: 'email' })
  expect(result).toMatchObject({ created: 1, updated: 0, failed: 4 })
  const lines = (await errorsOf(rest, token, result.id)).split('\r\n')
  expect(lines.slice(1, 3)).toEqual(['2,name: is missing', '3,name: is missing'])
  expect(lines[3]).toMatch(/^5,.*status: .*lead/)
  expect(lines[4]).toMatch(/^6,.*name: is missing; website: /)
  expect(await customers(rest, token)).toMatchObject([
    { name: 'Acme', status: 'active' },
    { id, name: 'Old' },
  ])
  const without = await bring(rest, token, 'email\ne@f.example\n', { upsertKey: 'email' })
  expect(await errorsOf(rest, token, without.id)).toContain('2,name: is missing')
  const deals = await bring(rest, token, 'title,valueMinor,currency\nBig,500,eur\n,600,EUR\nOdd,700,xyz\n', {
    entity: 'deal',
  })
  expect(deals).toMatchObject({ created: 1, failed: 2 })
  expect(await errorsOf(rest, token, deals.id)).toMatch(/3,title: is missing\r\n4,currency: expected an ISO/)
})

test('[CSV5] a dry run says what would happen and writes nothing', async () => {
  await using hub = await startHub()
  const rest = await openWithWorkers(hub)
  const token = hub.token('agent')
  const head = await readHead(hub.deps, hub.tenant.id)
  const file = 'name,email\nAcme,a@b.example\nBeta,a@b.example\n,x@y.example\n'
  const { id } = await bring(rest, token, file, { dryRun: true, upsertKey: 'email' })
  expect(await get(rest, token, id)).toMatchObject({ state: 'done', created: 1, updated: 1, failed: 1 })
  expect(await customers(rest, token)).toEqual([])
  expect(await errorsOf(rest, token, id)).toContain('4,')
  const { body } = await rest.call<{ data: AnyLogEvent[] }>(
    'GET',
    `/api/v1/events?after=${formatPosition(head)}`,
    { token },
  )
  expect(body.data.filter(({ type }) => type.startsWith('customer.'))).toEqual([])
})

test('[CSV6] one that is cancelled in the middle stops, says so once, and keeps what it wrote', async () => {
  await using hub = await startHub({ IMPORT_BATCH: '1' })
  const rest = await openWithWorkers(hub)
  const { token } = await hub.signIn('agent')
  const { id } = await upload(rest, token, `name\n${'x\n'.repeat(2000)}`)
  const head = await readHead(hub.deps, hub.tenant.id)
  const began = performance.now()
  await start(rest, token, id)
  await eventually(async () => expect((await get(rest, token, id)).rowsDone).toBeGreaterThan(5))
  const answer = await rest.call<{ data: ImportView }>('POST', `/admin/imports/${id}/cancel`, { token })
  const seconds = (performance.now() - began) / 1000
  const { state, rowsDone } = answer.body.data
  expect([state, rowsDone < 2000]).toEqual(['cancelled', true])
  // The next import of the tenant waits for the batch that may be under way.
  expect(await bring(rest, token, 'name\nlast\n')).toMatchObject({ created: 1 })
  expect((await get(rest, token, id)).rowsDone).toBe(rowsDone)
  expect(await customers(rest, token)).toHaveLength(rowsDone + 1)
  const { body } = await rest.call<{ data: AnyLogEvent[] }>(
    'GET',
    `/api/v1/events?after=${formatPosition(head)}`,
    { token },
  )
  const told = body.data.filter(
    ({ type, data }) => type.startsWith('import.') && 'import' in data && data.import.id === id,
  )
  expect(told.length).toBeLessThanOrEqual(3 + seconds)
  expect(told.at(-1)).toMatchObject({
    type: 'import.finished',
    data: { import: { state: 'cancelled', rowsDone } },
  })
}, 60_000)

test('[CSV7] a file that cannot be taken fails as a whole, in words, and writes nothing', async () => {
  await using hub = await startHub({
    IMPORT_ROWS: '3',
    IMPORT_COLUMNS: '3',
    IMPORT_CELL: '5',
    IMPORT_ERRORS: '2',
  })
  const rest = await openWithWorkers(hub)
  const token = hub.token('agent')
  for (const [file, more, reason] of [
    [Buffer.from('name\nJürgen\n', 'latin1'), {}, 'Windows-1252'],
    ['', {}, 'empty'],
    ['name,Name\nx,y\n', {}, 'Two columns'],
    ['email\nx@y.example\n', {}, 'no column "name"'],
    ['name\nx\n', { upsertKey: 'email' }, 'no column "email"'],
    ['name\nx\n', { mapping: { Firma: 'name' } }, '"Firma"'],
    ['name\nx\n', { mapping: { name: 'colour' } }, '"colour"'],
    ['name,b,c,d\nx\n', {}, 'more than 3 columns'],
    ['name\n1\n2\n3\n4\n', {}, 'more than 3 rows'],
  ] as const) {
    const bytes = typeof file === 'string' ? file : new Uint8Array(file)
    expect(await bring(rest, token, bytes, more)).toMatchObject({
      state: 'failed',
      created: 0,
      reason: expect.stringContaining(reason),
    })
  }
  expect(await customers(rest, token)).toEqual([])
  const whole = await bring(rest, token, 'name,b,c\n12345,,\n2,,\n3,,\n')
  expect(whole).toMatchObject({ state: 'done', created: 3 })
  const bounded = await bring(rest, token, 'name\n123456\n123456\n123456\n')
  expect(bounded).toMatchObject({ state: 'done', failed: 3 })
  expect((await errorsOf(rest, token, bounded.id)).split('\r\n')).toHaveLength(4)
})

test('[CSV7] a file may have IMPORT_BYTES, and not one more; nothing starts before it is there; a cancelled one never does', async () => {
  await using hub = await startHub({ IMPORT_BYTES: '10' })
  const rest = await openWithWorkers(hub)
  const token = hub.token('agent')
  expect(await bring(rest, token, 'name\n12345')).toMatchObject({ state: 'done', created: 1 })
  const large = await upload(rest, token, 'name\n123456')
  expect(await rest.refused('POST', `/admin/imports/${large.id}/start`, { token })).toMatchObject({
    status: 413,
  })
  const made = await rest.call<{ data: CreatedImport }>('POST', '/admin/imports', {
    token,
    json: { entity: 'customer' },
  })
  const path = `/admin/imports/${made.body.data.import.id}`
  expect(await rest.refused('POST', `${path}/start`, { token })).toMatchObject({ code: 'media_not_ready' })
  const cancelled = await rest.call<{ data: ImportView }>('POST', `${path}/cancel`, { token })
  expect(cancelled.body.data).toMatchObject({ state: 'cancelled' })
  expect(await rest.refused('POST', `${path}/start`, { token })).toMatchObject({ status: 409 })
})

test('[CSV8] whoever brought a file sees it, and managers; whoever may not write any more writes nothing', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const [agent, colleague] = [await hub.signIn('agent'), await hub.signIn('agent', { sub: 'agent-2' })]
  const { id } = await upload(rest, agent.token, 'name\nx\n')
  const other = await hub.addTenant()
  const seen = async (token: string) =>
    (await rest.call<{ data: ImportView[] }>('GET', '/admin/imports', { token })).body.data?.map(
      (one) => one.id,
    )
  expect(await seen(agent.token)).toEqual([id])
  expect(await seen(hub.token('manager'))).toEqual([id])
  expect(await seen(colleague.token)).toEqual([])
  expect(await seen(hub.token('admin', { tenant: other.slug }))).toEqual([])
  for (const path of [id, `${id}/errors`])
    expect(await rest.refused('GET', `/admin/imports/${path}`, { token: colleague.token })).toMatchObject({
      status: 404,
    })
  for (const verb of ['start', 'cancel'])
    expect(
      await rest.refused('POST', `/admin/imports/${id}/${verb}`, { token: colleague.token }),
    ).toMatchObject({
      status: 404,
    })
  const viewer = hub.token('viewer')
  expect(await rest.refused('GET', '/admin/imports', { token: viewer })).toMatchObject({ status: 403 })
  expect(
    await rest.refused('POST', '/admin/imports', { token: viewer, json: { entity: 'customer' } }),
  ).toMatchObject({ status: 403 })
  await start(rest, agent.token, id)
  await hub.signIn('viewer', { sub: 'agent-1' })
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  expect(await ended(rest, hub.token('manager'), id)).toMatchObject({ state: 'failed', created: 0 })
  expect(await customers(rest, hub.token('manager'))).toEqual([])
})
