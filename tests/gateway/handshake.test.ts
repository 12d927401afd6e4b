import { describe, expect, test } from 'vitest'
import type { ClientOptions } from '../harness/socket-client.ts'
import { badTokens, forge, goodClaims } from '../harness/tokens.ts'
import { withTenantOwner } from './owner.ts'
import { type GatewayHub, startGatewayHub } from './setup.ts'

const refused = async (hub: GatewayHub, options: Partial<ClientOptions>) => {
  const client = hub.connect(options)
  const answer = await Promise.race([
    client.next('connect_error'),
    client.next('hello').then(() => ({ code: 'let in' })),
  ])
  client.close()
  return answer
}

describe('who may open a socket', () => {
  test('[GW7] refusals say what to do next, by the code of the catalogue', async () => {
    await using hub = await startGatewayHub()
    const suspended = await hub.addTenant('gone')
    await withTenantOwner(hub, (query) =>
      query(`update tenants set status = 'suspended' where slug = 'gone'`),
    )
    expect(await refused(hub, { token: '' })).toMatchObject({ code: 'unauthorized', then: 'sign-in' })
    expect(await refused(hub, { token: 'nonsense' })).toMatchObject({ code: 'unauthorized' })
    expect(await refused(hub, { token: hub.token('agent', { ttlSeconds: -60 }) })).toMatchObject({
      code: 'token_expired',
      then: 'sign-in',
    })
    expect(await refused(hub, { auth: { protocol: 99 } })).toMatchObject({
      code: 'protocol_unsupported',
      then: 'stop',
      details: { supported: [1] },
    })
    expect(await refused(hub, { auth: { protocol: '1' } })).toMatchObject({ code: 'protocol_unsupported' })
    expect(await refused(hub, { auth: { token: 7 } })).toMatchObject({ code: 'unauthorized' })
    expect(await refused(hub, { auth: { token: 'x'.repeat(8193) } })).toMatchObject({ code: 'unauthorized' })
    expect(await refused(hub, { token: hub.token('admin', { tenant: suspended.slug }) })).toMatchObject({
      code: 'tenant_suspended',
      then: 'stop',
    })
    expect(await refused(hub, { token: hub.token('admin', { tenant: 'nobody' }) })).toMatchObject({
      code: 'unauthorized',
    })
    expect(await refused(hub, { auth: { protocol: 1 } })).toMatchObject({ code: 'let in' })
  })

  test('[GW7] S3 to S8: no bad token opens a socket', async () => {
    await using hub = await startGatewayHub()
    for (const { rule, what, make, code } of badTokens)
      expect(await refused(hub, { token: make() }), `${rule} ${what}`).toMatchObject({ code })
    expect(await refused(hub, { token: forge(goodClaims()) })).toMatchObject({ code: 'let in' })
  })

  test('[GW8] S1: a page of another origin cannot use the cookie; the exact list decides', async () => {
    await using hub = await startGatewayHub({
      CORS_ALLOWED_ORIGINS: 'https://console.example.com',
      PUBLIC_URL: 'https://hub.example.com/x',
    })
    const cookie = `saubh_token=${hub.token('agent')}`
    const from = (origin: string | undefined) =>
      refused(hub, {
        auth: { token: undefined },
        headers: { cookie, ...(origin === undefined ? {} : { origin }) },
      })
    expect(await from('https://console.example.com')).toMatchObject({ code: 'let in' })
    expect(await from('https://hub.example.com')).toMatchObject({ code: 'let in' })
    for (const origin of [
      'https://evil.example',
      'null',
      undefined,
      'https://console.example.com.evil.example',
      'https://evil-console.example.com',
      'https://other.example.com',
      'http://console.example.com',
      'https://console.example.com:8443',
      `http://127.0.0.1:${hub.gateway.port}`,
    ])
      expect(await from(origin), String(origin)).toMatchObject({ code: 'origin_denied', then: 'stop' })
  })

  test('[GW8] S2: without an Origin a token is needed; a foreign Origin is denied with one too', async () => {
    await using hub = await startGatewayHub()
    const token = hub.token('agent')
    const bearer = { authorization: `Bearer ${token}` }
    expect(await refused(hub, { auth: { token: undefined }, headers: bearer })).toMatchObject({
      code: 'let in',
    })
    expect(await refused(hub, { token })).toMatchObject({ code: 'let in' })
    const foreign = { origin: 'https://evil.example' }
    expect(await refused(hub, { token, headers: foreign })).toMatchObject({ code: 'origin_denied' })
    expect(
      await refused(hub, { auth: { token: undefined }, headers: { ...bearer, ...foreign } }),
    ).toMatchObject({ code: 'origin_denied' })
    // The page that this very address serves brings its own token.
    const own = { origin: `http://127.0.0.1:${hub.gateway.port}` }
    expect(await refused(hub, { token, headers: own })).toMatchObject({ code: 'let in' })
  })

  test('[GW7] S10: a token in the address is refused, also beside a good one', async () => {
    await using hub = await startGatewayHub()
    const token = hub.token('agent')
    for (const name of ['token', 'access_token', 'saubh_token'])
      expect(await refused(hub, { token, query: { [name]: token } })).toMatchObject({
        code: 'unauthorized',
        message: 'a token must not be part of the address',
      })
  })

  test('[GW9] sockets of one user: the last that is allowed comes in, the next is refused', async () => {
    await using hub = await startGatewayHub({ SOCKETS_PER_USER: '3' })
    const token = hub.token('agent')
    const clients = [1, 2, 3].map(() => hub.connect({ token }))
    for (const client of clients) await client.next('caught-up')
    expect(await refused(hub, { token })).toMatchObject({
      code: 'too_many_connections',
      then: 'later',
      details: { retryAfterMs: 1000 },
    })
    expect(await refused(hub, { token: hub.token('agent', { sub: 'other' }) })).toMatchObject({
      code: 'let in',
    })
    clients[0]!.close()
    await expect.poll(() => hub.gateway.sessions).toBe(2)
    expect(await refused(hub, { token })).toMatchObject({ code: 'let in' })
  })

  test('[GW9] sockets of one address that have not signed in: limit, one beyond, and far beyond', async () => {
    await using hub = await startGatewayHub({ SOCKETS_PER_ADDRESS: '3', SOCKET_HANDSHAKE_MS: '60000' })
    const idle = [1, 2].map(() => hub.raw())
    for (const socket of idle) await socket.open()
    expect(await refused(hub, {})).toMatchObject({ code: 'let in' })
    const third = await hub.raw().open()
    expect(await refused(hub, {})).toMatchObject({ code: 'too_many_connections' })
    const more = [1, 2, 3].map(() => hub.raw())
    for (const socket of more) await socket.open()
    // Six wait: another one is not even opened.
    expect((await hub.raw().closed).code).toBe(1006)
    for (const socket of [...idle, third, ...more]) socket.close()
    await expect.poll(async () => (await refused(hub, {})).code).toBe('let in')
  })

  test('[GW9] X-Forwarded-For counts only when a trusted proxy wrote it', async () => {
    await using hub = await startGatewayHub({ SOCKETS_PER_ADDRESS: '1', TRUST_PROXY: 'loopback' })
    const from = (address: string) => hub.raw({ headers: { 'x-forwarded-for': address } })
    await from('203.0.113.1').open()
    expect(await refused(hub, { headers: { 'x-forwarded-for': '203.0.113.1' } })).toMatchObject({
      code: 'too_many_connections',
    })
    expect(await refused(hub, { headers: { 'x-forwarded-for': '203.0.113.2' } })).toMatchObject({
      code: 'let in',
    })
    // What the client itself claims stands left of what the proxy saw.
    expect(await refused(hub, { headers: { 'x-forwarded-for': '198.51.100.7, 203.0.113.1' } })).toMatchObject(
      {
        code: 'too_many_connections',
      },
    )
  })

  test('[GW9] E2: who does not sign in within the time is closed', async () => {
    await using hub = await startGatewayHub({ SOCKET_HANDSHAKE_MS: '200' })
    const silent = await hub.raw().open()
    const started = performance.now()
    await silent.closed
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('[GW9] a newcomer that talks instead of signing in is closed', async () => {
    await using hub = await startGatewayHub()
    const chatty = await hub.raw().open()
    for (let i = 0; i < 20; i++) chatty.send('42["message.send",{}]')
    await chatty.closed
    const heavy = await hub.raw().open()
    heavy.send(`40${JSON.stringify({ token: 'x'.repeat(20_000) })}`)
    await heavy.closed
    const twice = await hub.raw().open()
    twice.send(`40${JSON.stringify({ token: 'x' })}`)
    twice.send(`40${JSON.stringify({ token: hub.token('agent') })}`)
    await twice.closed
    expect(twice.received.filter((text) => text.startsWith('42["hello"'))).toEqual([])
  })

  test('[GW7] E2: who does not answer pings is closed', async () => {
    await using hub = await startGatewayHub({ SOCKET_PING_MS: '100', SOCKET_PONG_MS: '100' })
    const socket = await hub.raw().open(hub.token('agent'))
    socket.stopReading()
    await expect.poll(() => hub.gateway.sessions, { timeout: 5000 }).toBe(0)
  })
})
