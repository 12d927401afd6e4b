import { expect, test } from 'vitest'
import type { AuditEntryView } from '../../src/contract/rest/audit.ts'
import { asSuperuser } from '../cli/cli.ts'
import { startHub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { openDesk } from './desk.ts'

test('[CSV3] the customers of a list go out as CSV, with tags by name and a column for each custom field', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const desk = await openDesk(hub, { role: 'manager' })
  const tag = await desk.make<{ id: number }>('tags', { name: 'VIP; gold' })
  await desk.make('custom-fields', { entity: 'customer', key: 'budget', label: 'Budget', type: 'currency' })
  const made = await desk.make<{ id: number; createdAt: string; updatedAt: string }>('customers', {
    name: '=HYPERLINK("x")',
    phone: '+4917012345',
    address: 'Line 1\nLine 2',
    status: 'active',
    tags: [tag.id],
    customFields: { budget: { valueMinor: 120050, currency: 'EUR' } },
  })
  await desk.make('customers', { name: 'other' })
  const { token } = await hub.signIn('viewer')
  const answer = await rest.call('GET', '/admin/customers/export?status=active', { token })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(answer.text.replace(/^\uFEFF/, '')).toBe(
    'id,name,email,phone,company,website,address,status,source,ownerId,tags,customFields.budget,createdAt,updatedAt\r\n' +
      `${made.id},"'=HYPERLINK(""x"")",,'+4917012345,,,"Line 1\nLine 2",active,,,"VIP\\; gold",120050 EUR,${made.createdAt},${made.updatedAt}\r\n`,
  )
  const trail = await rest.call<{ data: AuditEntryView[] }>('GET', '/admin/audit-logs?limit=1', {
    token: hub.token('admin'),
  })
  expect(trail.body.data[0]).toMatchObject({ action: 'customer.export', after: { status: ['active'] } })
})

test('[CSV3] an export walks all pages; another tenant sees nothing; filters and rights are those of the list', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const token = hub.token('agent')
  await asSuperuser(hub, (query) =>
    query(`insert into customers (tenant_id, name) select $1, 'c' || i from generate_series(1, 1201) i`, [
      hub.tenant.id,
    ]),
  )
  const names = async (bearer: string) => {
    const { text } = await rest.call('GET', '/admin/customers/export?sort=name&order=desc', { token: bearer })
    return text
      .split('\r\n')
      .slice(1, -1)
      .map((row) => row.split(',')[1])
  }
  const found = await names(token)
  expect(found).toHaveLength(1201)
  expect(new Set(found).size).toBe(1201)
  expect([found[0], found.at(-1)]).toEqual(['c999', 'c1'])
  const other = await hub.addTenant()
  expect(await names(hub.token('admin', { tenant: other.slug }))).toEqual([])
  expect(
    await rest.refused('GET', '/admin/customers/export?status=rich&colour=red', { token }),
  ).toMatchObject({ status: 400 })
  expect(await rest.refused('GET', '/admin/customers/export')).toMatchObject({ status: 401 })
})

test('[CSV3] who only asks for the head of an export gets its headers or its refusal, and takes nothing out', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const admin = hub.token('admin')
  const desk = await openDesk(hub, { role: 'manager' })
  for (const [path, json] of [
    ['customers', { name: 'Acme' }],
    ['contacts', { firstName: 'Ana' }],
  ] as const)
    await desk.make(path, json)
  const trail = async () =>
    (await rest.call<{ data: AuditEntryView[] }>('GET', '/admin/audit-logs', { token: admin })).body.data
  const before = await trail()
  for (const path of ['customers', 'contacts', 'deals']) {
    const head = await rest.call('HEAD', `/admin/${path}/export`, { token: admin })
    expect([head.status, head.text], path).toEqual([200, ''])
    expect(head.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(head.headers.get('content-disposition')).toContain(`${path}-`)
    for (const [query, token, status] of [
      ['?colour=red', admin, 400],
      ['?cf=nothing:here', admin, 400],
      ['', undefined, 401],
    ] as const)
      expect(
        (await rest.call('HEAD', `/admin/${path}/export${query}`, token === undefined ? {} : { token }))
          .status,
        `${path}${query}`,
      ).toBe(status)
  }
  expect(await trail()).toEqual(before)
  await rest.call('GET', '/admin/contacts/export', { token: admin })
  expect((await trail())[0]).toMatchObject({ action: 'contact.export' })
})
