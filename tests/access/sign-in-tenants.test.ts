import { expect, test } from 'vitest'
import type { TenantFacts } from '../../src/auth/entry.ts'
import { hashPassword } from '../../src/domain/sign-in/password-hash.ts'
import { setTenantStatus } from '../../src/domain/tenants/set-tenant-status.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { networkOf } from '../../src/platform/network-of.ts'
import { asSuperuser } from '../cli/cli.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { addUser, goodPassword, on, post, refusedCode, signedIn } from './sign-in-hub.ts'

const email = 'ana@x.example'
const wrong = 'wrong horse battery'
const theirPassword = 'their horse battery'

async function begin(more: Record<string, string> = {}): Promise<{ hub: Hub; rest: RestClient }> {
  const hub = await startHub({ ...on, ...more })
  return { hub, rest: await startRestOf(hub) }
}

const several = async (rest: RestClient, json: object) => {
  const answer = await rest.refused('POST', '/api/auth/sign-in', { json })
  const { tenants } = (answer.details ?? {}) as { tenants?: TenantFacts[] }
  return { code: answer.code, slugs: tenants?.map(({ slug }) => slug).toSorted() }
}

test('[LOC11] an address is somebody in each tenant, with a password of their own, and no tenant learns of another', async () => {
  const { hub, rest } = await begin()
  await using _ = hub
  const other = await hub.addTenant('other')
  await addUser(hub, email, 'manager')
  await addUser(hub, email, 'viewer', theirPassword, other.id)
  expect(await signedIn(rest, email)).toMatchObject({ tenant: { slug: 'main' }, user: { role: 'manager' } })
  expect(await signedIn(rest, email, theirPassword)).toMatchObject({ tenant: { slug: 'other' } })

  // Neither inviting nor changing an address tells that it is known elsewhere.
  const admin = (await hub.signIn('admin', { tenant: other.slug })).token
  await addUser(hub, 'ben@x.example')
  const invited = await rest.call<{ data: { id: string } }>('POST', '/admin/users', {
    token: admin,
    json: { email: 'ben@x.example', role: 'agent' },
  })
  expect(invited.status, invited.text).toBe(201)
  await addUser(hub, 'cem@x.example')
  const cara = await addUser(hub, 'cara@x.example', 'agent', goodPassword, other.id)
  const json = { email: 'cem@x.example' }
  const moved = await rest.call('PATCH', `/admin/users/${cara}`, { token: admin, json })
  expect(moved.status, moved.text).toBe(200)
  const taken = { token: admin, json: { email } }
  expect((await rest.call('PATCH', `/admin/users/${cara}`, taken)).status).toBe(409)
})

test('[LOC11] where a password is theirs in several tenants they choose among those, and see no others', async () => {
  const { hub, rest } = await begin()
  await using _ = hub
  const [second, third] = [await hub.addTenant('second'), await hub.addTenant('third')]
  await addUser(hub, email)
  await addUser(hub, email, 'agent', goodPassword, second.id)
  await addUser(hub, email, 'agent', theirPassword, third.id)
  const json = { email, password: goodPassword }
  expect(await several(rest, json)).toEqual({ code: 'several_tenants', slugs: ['main', 'second'] })
  for (const tenant of ['second', second.id])
    expect((await post(rest, 'sign-in', { ...json, tenant })).body.tenant).toMatchObject({ slug: 'second' })
  // A tenant where the password is another's, and one that there is not, are told alike.
  for (const tenant of ['third', 'nowhere', crypto.randomUUID(), "' or 1=1"])
    expect(await refusedCode(rest, 'sign-in', { ...json, tenant })).toBe('sign_in_failed')
  expect((await signedIn(rest, email, theirPassword)).tenant.slug).toBe('third')
})

test('[LOC11] suspended tenants and disabled users are no choice; a suspended one alone is told as such', async () => {
  const { hub, rest } = await begin()
  await using _ = hub
  const [second, third] = [await hub.addTenant('second'), await hub.addTenant('third')]
  await addUser(hub, email)
  await addUser(hub, email, 'agent', goodPassword, second.id)
  const disabled = await addUser(hub, email, 'agent', goodPassword, third.id)
  await asSuperuser(hub, (query) => query(`update users set status = 'disabled' where id = $1`, [disabled]))
  const by = (tenantId: string) => ({ actor: { kind: 'system' as const, tenantId, name: 'operator' } })
  const suspend = (id: string) => inTenant(hub.deps, id, (tx) => setTenantStatus(tx, by(id), 'suspended'))
  await suspend(second.id)
  expect((await signedIn(rest, email)).tenant.slug).toBe('main')
  await suspend(hub.tenant.id)
  expect(await refusedCode(rest, 'sign-in', { email, password: goodPassword })).toBe('tenant_suspended')
})

test('[LOC11] LOCAL_TENANTS_TRIED tenants are looked at, those of the oldest users; for the next the tenant is named', async () => {
  const { hub, rest } = await begin({ LOCAL_TENANTS_TRIED: '2' })
  await using _ = hub
  const [second, third] = [await hub.addTenant('second'), await hub.addTenant('third')]
  await addUser(hub, email, 'agent', theirPassword)
  await addUser(hub, email, 'agent', goodPassword, second.id)
  await addUser(hub, email, 'agent', 'the newest horse battery', third.id)
  expect((await signedIn(rest, email, theirPassword)).tenant.slug).toBe('main')
  expect((await signedIn(rest, email)).tenant.slug).toBe('second')
  const json = { email, password: 'the newest horse battery' }
  expect(await refusedCode(rest, 'sign-in', json)).toBe('sign_in_failed')
  expect((await post(rest, 'sign-in', { ...json, tenant: 'third' })).status).toBe(200)
})

test('[LOC2] [LOC11] as much is computed for an address of no tenant as for one of many', async () => {
  const { hub, rest } = await begin()
  await using _ = hub
  const took = async (work: () => Promise<unknown>) => {
    const began = performance.now()
    await work()
    return performance.now() - began
  }
  for (const slug of ['a', 'b'])
    await addUser(hub, email, 'agent', goodPassword, (await hub.addTenant(slug)).id)
  await addUser(hub, email)
  const attempt = (json: object) => took(() => refusedCode(rest, 'sign-in', { password: wrong, ...json }))
  const oneHash = await took(() => hashPassword(hub.config, wrong))
  const [many, none] = [await attempt({ email }), await attempt({ email: 'nobody@x.example' })]
  // Three hashes each; less of a machine that others work on too.
  for (const one of [many, none]) expect(one).toBeGreaterThan(oneHash)
  const rows = await asSuperuser(hub, (query) => query('select count(*)::int as n from sign_in_attempts'))
  // One pair of counts for the request and one for each place, whoever it is.
  expect(rows.rows).toEqual([{ n: 2 * 2 * (1 + 3) }])
})

test('[LOC3] [LOC11] whoever has a password for an address in a tenant of their own cannot guess on at another tenant', async () => {
  const { hub, rest } = await begin({ LOCAL_ATTEMPTS: '3', TRUST_PROXY: 'loopback' })
  await using _ = hub
  const mine = await hub.addTenant('mine')
  await addUser(hub, email)
  await addUser(hub, email, 'admin', theirPassword, mine.id)
  const from = async (ip: string, json: object) => {
    const headers = { 'x-forwarded-for': ip }
    const { status, body } = await rest.call<{ code?: string }>('POST', '/api/auth/sign-in', {
      json: { email, ...json },
      headers,
    })
    return body.code ?? status
  }
  const home = '198.51.100.7'
  // Each right password between takes back what was counted, but for the account that was guessed at.
  for (let n = 0; n < 3; n++) {
    expect(await from('203.0.113.1', { password: wrong })).toBe('sign_in_failed')
    expect(await from('203.0.113.1', { password: theirPassword, tenant: 'mine' })).toBe(200)
    expect(await from('203.0.113.1', { password: theirPassword })).toBe(200)
  }
  expect(await from('203.0.113.1', { password: goodPassword })).toBe('sign_in_failed')
  expect(await from('203.0.113.1', { password: goodPassword, tenant: 'main' })).toBe('sign_in_failed')
  expect(await from(home, { password: goodPassword })).toBe(200)
})

test('[LOC3] [LOC11] tries at one tenant, by its name, lock nobody out of another', async () => {
  const { hub, rest } = await begin({ LOCAL_ATTEMPTS: '2', LOCAL_ATTEMPTS_PER_EMAIL: '2' })
  await using _ = hub
  const other = await hub.addTenant('other')
  await addUser(hub, email)
  await addUser(hub, email, 'agent', theirPassword, other.id)
  const named = { email, password: wrong, tenant: 'other' }
  const codes = []
  for (let n = 0; n < 3; n++) codes.push(await refusedCode(rest, 'sign-in', named))
  expect(codes).toEqual(['sign_in_failed', 'sign_in_failed', 'sign_in_locked'])
  // Nobody is told that it is locked who did not ask for this tenant: so it is not told whether somebody is there.
  expect(await refusedCode(rest, 'sign-in', { email, password: theirPassword })).toBe('sign_in_failed')
  expect((await post(rest, 'sign-in', { email, password: goodPassword, tenant: 'main' })).status).toBe(200)
  expect((await signedIn(rest, email)).tenant.slug).toBe('main')
  const nowhere = { ...named, tenant: 'nowhere' }
  const alike = []
  for (let n = 0; n < 3; n++) alike.push(await refusedCode(rest, 'sign-in', nowhere))
  expect(alike).toEqual(codes)
})

test('[LOC3] of IPv6 a whole /64 is one who guesses, and the next network is another', async () => {
  const { hub, rest } = await begin({ LOCAL_ATTEMPTS: '2', TRUST_PROXY: 'loopback' })
  await using _ = hub
  await addUser(hub, email)
  const from = async (ip: string, password: string) => {
    const headers = { 'x-forwarded-for': ip }
    const json = { email, password }
    const { status, body } = await rest.call<{ code?: string }>('POST', '/api/auth/sign-in', {
      json,
      headers,
    })
    return body.code ?? status
  }
  expect(await from('2001:db8:0:1::1', wrong)).toBe('sign_in_failed')
  expect(await from('2001:db8:0:1:ffff::2', wrong)).toBe('sign_in_failed')
  expect(await from('2001:db8:0:1:1234:5678:9abc:def0', goodPassword)).toBe('sign_in_locked')
  expect(await from('2001:db8:0:2::1', goodPassword)).toBe(200)
})

test('[LOC3] one address has many notations and is one', () => {
  for (const [text, network] of [
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::ffff:cb00:7109', '203.0.113.9'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:DB8:0:0:1:2:3:4', '2001:db8:0:0::/64'],
    ['2001:db8:0:1::', '2001:db8:0:1::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['', ''],
    ['no address', 'no address'],
  ] as const)
    expect(networkOf(text), text).toBe(network)
})
