import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { authenticate } from '../../src/auth/authenticate.ts'
import { verifyToken } from '../../src/auth/tokens.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { readConfig } from '../../src/platform/config.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { startHub, testEnvironment, testJwtSecret } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { forge, goodClaims } from '../harness/tokens.ts'
import { issued, platformClaimsOf, platformToken } from './platform.ts'

const configOf = (more: Record<string, string> = {}) =>
  readConfig({ ...testEnvironment('postgres://127.0.0.1:1/x'), ...more })
const verify = (token: string, more: Record<string, string> = {}) =>
  verifyToken(token, configOf(more), systemClock)
const codeOf = (token: string, more: Record<string, string> = {}): string => {
  try {
    verify(token, more)
    return 'good'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('what a token says', () => {
  test.each(['zero\0', 'half \ud800'])('[ACC1] is text that the database keeps as it is, not %j', (text) => {
    for (const claim of ['sub', 'tenant_id', 'email', 'name'])
      expect(codeOf(forge(goodClaims({ [claim]: text }))), claim).toBe('unauthorized')
    for (const claim of ['whatsapp', 'email', 'name'])
      expect(codeOf(platformToken({ [claim]: text })), claim).toBe('unauthorized')
  })
})

describe('whom a token is for', () => {
  test('[ACC1] S7 where JWT_AUDIENCE names somebody, a token must too; without it aud is not looked at', () => {
    const here = { JWT_AUDIENCE: 'crm,crm-staging' }
    for (const [aud, code] of [
      ['crm', 'good'],
      ['crm-staging', 'good'],
      [['other', 'crm'], 'good'],
      ['other', 'unauthorized'],
      [['other'], 'unauthorized'],
      [[], 'unauthorized'],
      ['', 'unauthorized'],
      [undefined, 'unauthorized'],
      [{ crm: true }, 'unauthorized'],
    ] as const) {
      expect(codeOf(forge(goodClaims({ aud })), here), JSON.stringify(aud)).toBe(code)
      expect(codeOf(platformToken({ aud }), here), JSON.stringify(aud)).toBe(code)
      expect(codeOf(forge(goodClaims({ aud: 'other' })))).toBe('good')
    }
  })

  test('[ACC1] S7 every issuer of the list, exactly as written, and no other', () => {
    const more = { JWT_ISSUER: 'cms,https://cms.example/' }
    for (const [iss, code] of [
      ['cms', 'good'],
      ['https://cms.example/', 'good'],
      ['https://cms.example', 'unauthorized'],
      ['CMS', 'unauthorized'],
      ['cms ', 'unauthorized'],
      ['cms,https://cms.example/', 'unauthorized'],
      ['invited', 'unauthorized'],
      ['switchboard', 'unauthorized'],
    ] as const)
      expect(codeOf(forge(goodClaims({ iss })), more), iss).toBe(code)
  })

  test('[ACC1] one issuer may be both CMS and platform: a usertype tells its tokens apart', () => {
    const one = { JWT_ISSUER: 'one', SSO_ISSUER: 'one' }
    expect(verify(forge(goodClaims({ iss: 'one' })), one).by).toBe('cms')
    expect(verify(forge(platformClaimsOf({ iss: 'one' })), one).by).toBe('platform')
  })
})

describe('whose tenant', () => {
  test('[ACC1] a token that names no tenant belongs to its issuer’s, else to JWT_TENANT; one that names its own to that', async () => {
    await using hub = await startHub({
      JWT_ISSUER: 'cms,https://partner.example/?a=b',
      JWT_ISSUER_TENANTS: 'https://partner.example/?a=b=acme,saubh=staff',
    })
    for (const slug of ['acme', 'staff']) await hub.addTenant(slug)
    const slugOf = async (token: string) => (await authenticate(hub.deps, token)).tenant.slug
    const none = { tenant_id: undefined }
    expect(await slugOf(forge(goodClaims(none)))).toBe('main')
    expect(await slugOf(forge(goodClaims({ ...none, iss: 'https://partner.example/?a=b' })))).toBe('acme')
    expect(await slugOf(forge(goodClaims({ iss: 'https://partner.example/?a=b' })))).toBe('main')
    expect(await slugOf(platformToken({ usertype: 'SA' }))).toBe('staff')
  })

  test('[CFG1] an issuer that is not ours, or no slug, is told by name', () => {
    for (const wrong of ['cms', 'cms=', '=main', 'other=main'])
      expect(() => configOf({ JWT_ISSUER_TENANTS: wrong }), wrong).toThrow(/JWT_ISSUER_TENANTS: /)
  })
})

test('[ACC1] S8 whatever stands in a signed token, it is read, or refused as one that is not good', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom('A', 'BO', 'CL', 'admin', 'agent', 1, '1', -1, 2 ** 53, Number.MAX_VALUE),
  )
  const names = ['sub', 'user_id', 'role', 'tenant_id', 'name', 'email', 'exp', 'iat', 'nbf', 'aud', 'jti']
  const ours = ['userid', 'usertype', 'status', 'businessid', 'whatsapp', 'sid', 'token_use', '__proto__']
  const config = configOf({ LOCAL_SIGN_IN: 'on' })
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...names, ...ours), value),
      fc.constantFrom('cms', 'saubh', 'switchboard'),
      (odd, iss) => {
        const base = iss === 'cms' ? goodClaims() : platformClaimsOf()
        try {
          verifyToken(forge({ ...base, ...odd, iss }), config, systemClock)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(unauthorized|token_expired)$/) })
        }
      },
    ),
    { numRuns: 3000 },
  )
})

describe('secrets', () => {
  const next = 'the-next-secret-that-is-long-enough-for-hs256'
  test('[ACC1] [G4] while rotating, tokens of both secrets come in; afterwards those of the old one do not', async () => {
    const now = Math.floor(Date.now() / 1000)
    const both = `${next},${testJwtSecret}`
    const [old, fresh] = [forge(), forge(goodClaims(), undefined, { secret: next })]
    for (const token of [old, fresh]) expect(codeOf(token, { JWT_SECRET: both })).toBe('good')
    expect(codeOf(old, { JWT_SECRET: next })).toBe('unauthorized')
    // An expired one is told so, whichever of the two signed it.
    const over = goodClaims({ iat: now - 600, exp: now - 60 })
    for (const secret of [next, testJwtSecret])
      expect(codeOf(forge(over, undefined, { secret }), { JWT_SECRET: both })).toBe('token_expired')
  })

  test('[ACC1] [G4] K1 a socket of the old secret ends with its token; it is not renewed by another one of that secret', async () => {
    await using hub = await startGatewayHub({ JWT_SECRET: `${next},${testJwtSecret}` })
    const socket = hub.connect({ token: forge(goodClaims({ sub: 'ana' })) })
    await socket.next('caught-up')
    const renewed = forge(goodClaims({ sub: 'ana', ...issued(1) }), undefined, { secret: next })
    expect(await socket.send('session.renew', { token: renewed })).toMatchObject({ ok: true })
    const { gateway } = await hub.another({ JWT_SECRET: [next] })
    const late = hub.connect({ port: gateway.port, token: forge(goodClaims({ sub: 'ana' })) })
    expect(await late.next('connect_error')).toMatchObject({ code: 'unauthorized' })
  })
})

describe('one code for all doors', () => {
  test('[ACC1] a bearer, the cookie and the handshake let the same person in, from the CMS and from the platform', async () => {
    await using hub = await startGatewayHub({ CORS_ALLOWED_ORIGINS: 'https://console.example' })
    const rest = await startRestOf(hub)
    for (const token of [forge(goodClaims({ sub: 'ana' })), platformToken()]) {
      const headers = { cookie: `saubh_token=${token}`, origin: 'https://console.example' }
      const seen = [
        (await rest.call<{ user: { id: string } }>('GET', '/admin/me', { token })).body.user.id,
        (await rest.call<{ user: { id: string } }>('GET', '/admin/me', { headers })).body.user.id,
      ]
      for (const client of [
        hub.connect({ token }),
        hub.connect({ auth: { token: undefined }, headers: { authorization: `Bearer ${token}` } }),
        hub.connect({ auth: { token: undefined }, headers }),
      ])
        seen.push(((await client.next('hello')) as { user: { id: string } }).user.id)
      expect(new Set(seen).size).toBe(1)
    }
  })

  test('[ACC1] a role that is not enough is 403 and not 401, over REST and the socket', async () => {
    await using hub = await startGatewayHub()
    const rest = await startRestOf(hub)
    const token = hub.token('agent')
    expect(await rest.refused('GET', '/admin/audit-logs', { token })).toMatchObject({
      status: 403,
      code: 'forbidden',
      then: 'stop',
    })
    expect(await rest.refused('GET', '/admin/audit-logs', {})).toMatchObject({ status: 401 })
  })
})

describe('a database that is busy', () => {
  test('[ACC10] [C7] who comes while all connections are taken is told to come back: 503 with Retry-After, and on the socket', async () => {
    await using hub = await startGatewayHub()
    await authenticate(hub.deps, platformToken())
    const { gateway, deps } = await hub.another({ DATABASE_WAIT_MS: 200 })
    const rest = await startRestOf({ ...hub, deps })
    const key = `sb_${'A'.repeat(43)}`
    const held = await Promise.all(
      Array.from({ length: hub.config.DATABASE_POOL }, () => eventually(() => deps.db.write.connect())),
    )
    try {
      for (const token of [forge(goodClaims({ sub: 'new' })), platformToken(), key]) {
        await expect(authenticate(deps, token)).rejects.toMatchObject({ code: 'unavailable' })
        const refused = await rest.refused('GET', '/admin/me', { token })
        expect(refused).toMatchObject({ status: 503, code: 'unavailable', then: 'later' })
        expect(refused.headers.get('retry-after')).toBe('1')
        expect(await hub.connect({ port: gateway.port, token }).next('connect_error')).toMatchObject({
          code: 'unavailable',
          then: 'later',
        })
      }
    } finally {
      for (const client of held) client.release()
    }
    await eventually(async () =>
      expect((await rest.call('GET', '/admin/me', { token: platformToken() })).status).toBe(200),
    )
  })
})

test('[TEN2] a statement that row security refuses is counted, so that a fault of ours is seen', async () => {
  await using hub = await startHub()
  const other = await hub.addTenant()
  const rest = await startRestOf(hub)
  const counted = async () =>
    /hub_rls_context_errors_total (\d+)/.exec((await rest.call('GET', '/metrics')).text)?.[1]
  expect(await counted()).toBe('0')
  const forged = inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query(`insert into teams (tenant_id, id, name) values ($1, gen_random_uuid(), 'x')`, [other.id]),
  )
  await expect(forged).rejects.toMatchObject({ code: '42501' })
  // A right that the application does not have is no such fault.
  const denied = inTenant(hub.deps, hub.tenant.id, (tx) => tx.query('delete from audit_logs'))
  await expect(denied).rejects.toMatchObject({ code: '42501' })
  expect(await counted()).toBe('1')
})
