import { expect, test } from 'vitest'
import { createKey } from '../../src/domain/keys/create-key.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

const bad = () => `sb_${crypto.randomUUID().replaceAll('-', '')}${'a'.repeat(11)}`

/** Windows lie on the clock: a test that begins late in a minute waits for the next. */
const inOneWindow = () => eventually(() => expect(Date.now() % 60_000).toBeLessThan(45_000), 20_000)

/** A key of a program that was never used. */
const keyOf = (hub: Hub): Promise<string> => {
  const actor = { kind: 'system', tenantId: hub.tenant.id, name: 'test' } as const
  const input = { name: 'a key', role: 'agent', scopes: [], expiresAt: null, ratePerMinute: null } as const
  return inTenant(hub.deps, hub.tenant.id, async (tx) => (await createKey(tx, { actor }, input)).key)
}

const from = async (rest: RestClient, ip: string, token: string) => {
  const answer = await rest.call<{ code?: string }>('GET', '/admin/me', {
    token,
    headers: { 'x-forwarded-for': ip },
  })
  return answer.body.code ?? answer.status
}

test('[ACC11] an address has FAILED_AUTH_PER_MINUTE bad credentials and not one more; other addresses notice nothing', async () => {
  await using hub = await startHub({ FAILED_AUTH_PER_MINUTE: '3', TRUST_PROXY: 'loopback' })
  const rest = await startRestOf(hub)
  await inOneWindow()
  const [good, fresh] = [await keyOf(hub), await keyOf(hub)]
  expect(await from(rest, '203.0.113.1', good)).toBe(200)
  const codes = []
  for (let n = 0; n < 4; n++) codes.push(await from(rest, '203.0.113.1', bad()))
  expect(codes).toEqual(['unauthorized', 'unauthorized', 'unauthorized', 'rate_limited'])
  const refused = await rest.refused('GET', '/admin/me', {
    token: bad(),
    headers: { 'x-forwarded-for': '203.0.113.1' },
  })
  expect(refused).toMatchObject({ status: 429, code: 'rate_limited', then: 'later' })
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  // Who is known goes on, and whom an issuer vouches for; a key that nobody knows here waits, and nobody who sits elsewhere.
  expect(await from(rest, '203.0.113.1', good)).toBe(200)
  expect(await from(rest, '203.0.113.1', hub.token('agent', { sub: 'new' }))).toBe(200)
  expect(await from(rest, '203.0.113.1', fresh)).toBe('rate_limited')
  expect(await from(rest, '203.0.113.2', fresh)).toBe(200)
  expect(await from(rest, '203.0.113.1', fresh)).toBe(200)
  const validated = await rest.refused('POST', '/api/auth/validate', {
    json: { token: bad() },
    headers: { 'x-forwarded-for': '203.0.113.1' },
  })
  expect(validated.code).toBe('rate_limited')
  const operator = await rest.refused('GET', '/operator/tenants', {
    token: `so_${'a'.repeat(43)}`,
    headers: { 'x-forwarded-for': '203.0.113.1' },
  })
  expect(operator.code).toBe('rate_limited')
})

test('[ACC11] a token that was signed and is good for nothing is looked up no more often than that', async () => {
  await using hub = await startHub({ FAILED_AUTH_PER_MINUTE: '2' })
  const rest = await startRestOf(hub)
  await inOneWindow()
  const nowhere = hub.token('agent', { tenant: 'nowhere' })
  const codes = []
  for (let n = 0; n < 3; n++) codes.push(await from(rest, '127.0.0.1', nowhere))
  expect(codes).toEqual(['unauthorized', 'unauthorized', 'rate_limited'])
  expect(await from(rest, '127.0.0.1', hub.token('agent'))).toBe(200)
})

test('[ACC11] of IPv6 a /64 is one address, and the next is another; IPv4 in the notation of IPv6 is IPv4', async () => {
  await using hub = await startHub({ FAILED_AUTH_PER_MINUTE: '2', TRUST_PROXY: 'loopback' })
  const rest = await startRestOf(hub)
  await inOneWindow()
  for (const ip of ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2'])
    expect(await from(rest, ip, bad())).toBe('unauthorized')
  const key = await keyOf(hub)
  expect(await from(rest, '2001:db8:0:1:1:2:3:4', key)).toBe('rate_limited')
  expect(await from(rest, '2001:db8:0:2::1', key)).toBe(200)
  for (const ip of ['203.0.113.1', '::ffff:203.0.113.1'])
    expect(await from(rest, ip, bad())).toBe('unauthorized')
  expect(await from(rest, '203.0.113.1', await keyOf(hub))).toBe('rate_limited')
})

test('[ACC11] who is over, disabled or shows nothing is no guesser', async () => {
  await using hub = await startHub({ FAILED_AUTH_PER_MINUTE: '1' })
  const rest = await startRestOf(hub)
  await inOneWindow()
  const over = hub.token('agent', { ttlSeconds: -60 })
  for (let n = 0; n < 3; n++) {
    expect((await rest.refused('GET', '/admin/me', { token: over })).code).toBe('token_expired')
    expect((await rest.refused('GET', '/admin/me')).code).toBe('unauthorized')
  }
  expect((await rest.call('GET', '/admin/me', { token: await keyOf(hub) })).status).toBe(200)
})

test('[ACC11] failed handshakes count as well, by /64, and together with requests; who is known comes in again', async () => {
  await using hub = await startGatewayHub({ FAILED_AUTH_PER_MINUTE: '3', TRUST_PROXY: 'loopback' })
  const rest = await startRestOf(hub)
  await inOneWindow()
  const connect = (ip: string, token: string | undefined) =>
    hub.connect({ ...(token === undefined ? { token: '' } : { token }), headers: { 'x-forwarded-for': ip } })
  const refusalOf = async (ip: string, token?: string) =>
    (await connect(ip, token).next('connect_error')) as { code: string; retryAfterMs?: number }
  const [good, fresh] = [await keyOf(hub), await keyOf(hub)]
  const ip = '2001:db8::1'
  await connect(ip, good).next('caught-up')
  for (const one of [ip, '2001:db8::2', '2001:db8::3'])
    expect(await refusalOf(one, bad())).toMatchObject({ code: 'unauthorized' })
  expect(await refusalOf('2001:db8::4', bad())).toMatchObject({ code: 'rate_limited' })
  expect(await refusalOf('2001:db8::5', fresh)).toMatchObject({
    code: 'rate_limited',
    then: 'later',
    details: { retryAfterMs: expect.any(Number) },
  })
  await connect('2001:db8::6', good).next('caught-up')
  await connect('2001:db8:0:1::1', fresh).next('caught-up')
  // REST hears of it from Redis, with its own first failure.
  expect(await from(rest, ip, bad())).toBe('unauthorized')
  await eventually(async () => expect(await from(rest, ip, bad())).toBe('rate_limited'), 5000)
})

test('[ACC11] sockets of one /64 that have not signed in are those of one address', async () => {
  await using hub = await startGatewayHub({ SOCKETS_PER_ADDRESS: '2', TRUST_PROXY: 'loopback' })
  const headers = (ip: string) => ({ headers: { 'x-forwarded-for': ip } })
  for (const ip of ['2001:db8::1', '2001:db8::2']) await hub.raw(headers(ip)).open()
  const token = hub.token('agent')
  const refused = hub.connect({ token, ...headers('2001:db8::3') })
  expect(await refused.next('connect_error')).toMatchObject({ code: 'too_many_connections' })
  await hub.connect({ token, ...headers('2001:db8:0:1::1') }).next('caught-up')
})

test('[ACC11] sockets that show nothing count', async () => {
  await using hub = await startGatewayHub({ FAILED_AUTH_PER_MINUTE: '2', TRUST_PROXY: 'loopback' })
  await inOneWindow()
  const refusalOf = async () => (await hub.connect({ token: '' }).next('connect_error')) as { code: string }
  const codes = []
  for (let n = 0; n < 3; n++) codes.push((await refusalOf()).code)
  expect(codes).toEqual(['unauthorized', 'unauthorized', 'rate_limited'])
})
