import { expect, test } from 'vitest'
import { type TenantSettings, tenantSettings } from '../../src/contract/access.ts'
import { createTenant } from '../../src/domain/tenants/create-tenant.ts'
import { setTenantStatus } from '../../src/domain/tenants/set-tenant-status.ts'
import { changeSettings } from '../../src/domain/tenants/change-settings.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { asSuperuser } from '../cli/cli.ts'
import { eventually } from '../harness/eventually.ts'
import type { Hub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { startGatewayHub } from '../gateway/setup.ts'

interface One<T> {
  data: T
}
const operator = (hub: Hub) => ({
  actor: { kind: 'system' as const, tenantId: hub.tenant.id, name: 'operator' },
})

test('[RGT10] an admin reads and changes the settings of the own tenant, under If-Match, with event and trail', async () => {
  await using hub = await startGatewayHub()
  const rest = await startRestOf(hub)
  const token = (await hub.signIn('admin')).token
  const other = await hub.addTenant('other')
  const first = await rest.call<One<TenantSettings>>('GET', '/admin/tenant', { token })
  expect(tenantSettings.parse(first.body.data)).toMatchObject({
    ...hub.tenant,
    timeZone: 'UTC',
    locale: 'en',
    retention: { mediaDays: null },
  })
  const json = { name: 'Acme', timeZone: 'Europe/Berlin', locale: 'PT-br', retention: { mediaDays: 90 } }
  const headers = { 'if-match': first.headers.get('etag') ?? '' }
  const changed = await rest.call<One<TenantSettings>>('PATCH', '/admin/tenant', { token, json, headers })
  expect(changed.body.data).toMatchObject({ ...json, locale: 'pt-BR', slug: hub.tenant.slug })
  expect((await rest.refused('PATCH', '/admin/tenant', { token, json: { name: 'x' }, headers })).code).toBe(
    'precondition_failed',
  )
  for (const [body, pointer] of [
    [{ timeZone: 'Mars/Olympus' }, '/timeZone'],
    [{ timeZone: '+05:30' }, '/timeZone'],
    [{ locale: 'not a language' }, '/locale'],
    [{ retention: { mediaDays: 0 } }, '/retention/mediaDays'],
    [{ limits: { users: 1_000_000 } }, '/limits'],
    [{ status: 'suspended' }, '/status'],
    [{ slug: 'other' }, '/slug'],
  ] as const) {
    const problem = await rest.refused('PATCH', '/admin/tenant', { token, json: body })
    expect([problem.code, problem.errors?.[0]?.pointer]).toEqual(['validation_failed', pointer])
  }
  expect((await rest.call('GET', '/admin/tenant', { token: hub.token('manager') })).status).toBe(200)
  for (const role of ['viewer', 'agent'] as const)
    expect((await rest.call('GET', '/admin/tenant', { token: hub.token(role) })).status).toBe(403)
  expect(
    (await rest.call('PATCH', '/admin/tenant', { token: hub.token('manager'), json: { name: 'x' } })).status,
  ).toBe(403)
  const { rows } = await asSuperuser(hub, (query) =>
    query('select slug, name, time_zone from tenants order by slug'),
  )
  expect(rows).toEqual([
    { slug: hub.tenant.slug, name: 'Acme', time_zone: 'Europe/Berlin' },
    { slug: other.slug, name: other.slug, time_zone: 'UTC' },
  ])
  const trail = await asSuperuser(hub, (query) =>
    query(`select action from audit_logs where action = 'tenant.update'`),
  )
  expect(trail.rows).toHaveLength(1)
})

test('[RGT10] a tenant is in any zone that has a name, old or new, and in none that its reports cannot be computed in', async () => {
  await using hub = await startGatewayHub()
  const rest = await startRestOf(hub)
  const token = (await hub.signIn('admin')).token
  const set = (timeZone: string) => rest.call('PATCH', '/admin/tenant', { token, json: { timeZone } })
  for (const timeZone of [
    'Asia/Kolkata',
    'Asia/Calcutta',
    'Europe/Kyiv',
    'Asia/Ho_Chi_Minh',
    'America/Argentina/Buenos_Aires',
  ]) {
    const answer = await set(timeZone)
    expect(answer.status, answer.text).toBe(200)
    const report = await rest.call<One<{ period: object }>>('GET', '/admin/reports/overview', { token })
    expect(report.body.data.period).toMatchObject({ timeZone })
  }
  // Names that JavaScript takes and the database does not have.
  for (const timeZone of ['PNT', 'SystemV/PST8']) {
    expect(() => new Intl.DateTimeFormat('en', { timeZone })).not.toThrow()
    const problem = await rest.refused('PATCH', '/admin/tenant', { token, json: { timeZone } })
    expect(problem).toMatchObject({
      status: 400,
      errors: [{ pointer: '/timeZone', message: 'there is no such time zone' }],
    })
    await expect(createTenant(hub.deps, { slug: 'born', name: 'Born', timeZone })).rejects.toMatchObject({
      code: 'validation_failed',
    })
  }
  expect((await rest.call('GET', '/admin/reports/overview', { token })).status).toBe(200)
})

test('[RGT5] what an operator allows one tenant counts there and nowhere else, and falls back to what all have', async () => {
  await using hub = await startGatewayHub({ TENANT_TEAMS: '2' })
  const rest = await startRestOf(hub)
  const token = (await hub.signIn('admin')).token
  const limit = (teams: number | null) =>
    inTenant(hub.deps, hub.tenant.id, (tx) => changeSettings(tx, operator(hub), { limits: { teams } }))
  const make = async (name: string) =>
    (await rest.call('POST', '/admin/teams', { token, json: { name } })).status
  await limit(1)
  expect([await make('A'), await make('B')]).toEqual([201, 409])
  const { body } = await rest.call<One<TenantSettings>>('GET', '/admin/tenant', { token })
  expect(body.data.limits).toMatchObject({ teams: 1, users: 1000 })
  await limit(null)
  expect([await make('B'), await make('C')]).toEqual([201, 409])
})

test('[RGT5] as many numbers as the tenant may have, and one more; one that is removed makes room', async () => {
  await using hub = await startGatewayHub({ TENANT_CHANNELS: '1' })
  const rest = await startRestOf(hub)
  const token = (await hub.signIn('admin')).token
  const connect = (phoneNumberId: string) =>
    rest.call<One<{ id: string }>>('POST', '/api/v1/channels', {
      token,
      json: {
        provider: 'whatsapp-cloud',
        name: phoneNumberId,
        phoneNumberId,
        wabaId: '7',
        displayPhoneNumber: '+49 1',
        accessToken: 'a',
        appSecret: 'b',
        verifyToken: 'c',
      },
    })
  const first = await connect('1')
  expect(first.status).toBe(201)
  expect(await connect('2')).toMatchObject({
    status: 409,
    body: { code: 'limit_reached', details: { of: 'channels', limit: 1 } },
  })
  await rest.call('DELETE', `/api/v1/channels/${first.body.data.id}`, { token })
  expect((await connect('2')).status).toBe(201)
})

test('[RGT10] [GW11] a suspended tenant is out within 5 s, sockets and remembered requests alike, its neighbour is not; then it is back', async () => {
  await using hub = await startGatewayHub()
  const rest = await startRestOf(hub)
  const other = await hub.addTenant()
  const [mine, theirs] = [hub.token('agent'), hub.token('agent', { tenant: other.slug })]
  const sockets = [hub.connect({ token: mine }), hub.connect({ token: theirs })] as const
  for (const socket of sockets) await socket.next('caught-up')
  expect((await rest.call('GET', '/admin/me', { token: mine })).status).toBe(200)
  const set = (status: 'active' | 'suspended') =>
    inTenant(hub.deps, hub.tenant.id, (tx) => setTenantStatus(tx, operator(hub), status))
  await set('suspended')
  const at = performance.now()
  expect(await sockets[0].next('bye')).toMatchObject({ code: 'access_revoked' })
  await eventually(
    async () =>
      expect((await rest.call('GET', '/admin/me', { token: mine })).body).toMatchObject({
        code: 'tenant_suspended',
      }),
    5000,
  )
  expect(performance.now() - at).toBeLessThan(5000)
  expect((await rest.call('GET', '/admin/me', { token: theirs })).status).toBe(200)
  expect(sockets[1].of('bye')).toEqual([])
  await set('active')
  expect((await rest.call('GET', '/admin/me', { token: mine })).status).toBe(200)
})
