import jwt from 'jsonwebtoken'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authenticate } from '../../src/auth/authenticate.ts'
import { localKeys } from '../../src/auth/local-tokens.ts'
import { signedInView } from '../../src/contract/rest/sign-in.ts'
import { hashPassword } from '../../src/domain/sign-in/password-hash.ts'
import { eventually } from '../harness/eventually.ts'
import { asSuperuser } from '../cli/cli.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { forge, goodClaims } from '../harness/tokens.ts'
import { addUser, goodPassword, isIn, on, post, refusedCode, signedIn } from './sign-in-hub.ts'

describe('signing in', () => {
  let hub: Hub
  let rest: RestClient
  beforeAll(async () => {
    hub = await startHub(on)
    rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example', 'manager')
  })
  afterAll(() => hub[Symbol.asyncDispose]())

  test('[LOC1] an address, however it is written, and its password give a short token and one to renew it', async () => {
    const answer = await post(rest, 'sign-in', { email: ' Ana@X.example ', password: goodPassword })
    signedInView.parse(answer.body)
    expect(answer.body).toMatchObject({
      user: { email: 'ana@x.example', role: 'manager' },
      tenant: { slug: 'main' },
      refreshToken: expect.stringMatching(/^sr_/),
    })
    const life = Date.parse(answer.body.expiresAt) - Date.now()
    expect(life).toBeGreaterThan((hub.config.LOCAL_TOKEN_SECONDS - 5) * 1000)
    expect(life).toBeLessThanOrEqual(hub.config.LOCAL_TOKEN_SECONDS * 1000)
    const me = await rest.call('GET', '/admin/me', { token: answer.body.token })
    expect(me.body).toMatchObject({ user: answer.body.user, tenant: answer.body.tenant })
    const validated = await rest.call('POST', '/api/auth/validate', { token: answer.body.token })
    expect(validated.body).toMatchObject({ valid: true, user: answer.body.user })
  })

  test('[LOC1] the password of another Unicode form of the same letters is the same password', async () => {
    await addUser(hub, 'form@x.example', 'agent', 'fünf schöne Bäume')
    const { user } = await signedIn(rest, 'form@x.example', 'fünf schöne Bäume'.normalize('NFD'))
    expect(user.email).toBe('form@x.example')
  })

  test('[LOC2] S29 an unknown address, a wrong password and a disabled user are answered alike, and take as long', async () => {
    const disabled = await addUser(hub, 'gone@x.example')
    await asSuperuser(hub, (query) => query(`update users set status = 'disabled' where id = $1`, [disabled]))
    const cases = [
      { email: 'nobody@x.example', password: goodPassword },
      { email: 'ana@x.example', password: 'wrong horse battery' },
      { email: 'gone@x.example', password: goodPassword },
      { email: 'no address at all', password: goodPassword },
      { email: "' or 1=1 --", password: goodPassword },
    ]
    const bodies = new Set<string>()
    const took: number[] = []
    for (const json of cases) {
      const began = performance.now()
      const {
        headers: _h,
        requestId: _r,
        ...body
      } = await rest.refused('POST', '/api/auth/sign-in', { json })
      took.push(performance.now() - began)
      bodies.add(JSON.stringify(body))
    }
    expect([...bodies]).toHaveLength(1)
    expect([...bodies][0]).toContain('sign_in_failed')
    // Each of them has paid for a hash; without one it would be a few milliseconds.
    const hashed = performance.now()
    await hashPassword(hub.config, goodPassword)
    const oneHash = performance.now() - hashed
    expect(Math.min(...took)).toBeGreaterThan(oneHash * 0.4)
  })

  test('[LOC1] what is not of the documented shape is refused: other members, other types, too long', async () => {
    const good = { email: 'ana@x.example', password: goodPassword }
    for (const json of [
      {},
      { email: 'ana@x.example' },
      { ...good, password: ['x'] },
      { ...good, email: { $ne: null } },
      { ...good, role: 'admin' },
      { ...good, tenant: ['main'] },
      { ...good, tenant: 'x'.repeat(64) },
      { ...good, password: 'x'.repeat(1001) },
      { ...good, email: 'x'.repeat(321) },
      { ...good, cookie: 'yes' },
    ])
      expect(await refusedCode(rest, 'sign-in', json), JSON.stringify(json).slice(0, 60)).toBe(
        'validation_failed',
      )
  })

  test('[LOC1] signing in and out stands in the trail, with where from, and without a secret', async () => {
    const { refreshToken } = await signedIn(rest, 'ana@x.example')
    await post(rest, 'sign-out', { refreshToken })
    const { rows } = await asSuperuser(hub, (query) =>
      query(`select action, ip, before::text || after::text as texts, after::text as after from audit_logs
             where action like 'user.sign_%' or action = 'password.set' order by number desc limit 2`),
    )
    expect(rows).toMatchObject([
      { action: 'user.sign_out', ip: '127.0.0.1' },
      { action: 'user.sign_in', ip: '127.0.0.1' },
    ])
    const { rows: all } = await asSuperuser(hub, (query) =>
      query(
        `select (select string_agg(a::text, '') from audit_logs a) || (select string_agg(e::text, '') from events e) as texts`,
      ),
    )
    const texts = String((all as { texts: string }[])[0]?.texts)
    for (const secret of [goodPassword, refreshToken ?? '', 'scrypt$']) expect(texts).not.toContain(secret)
  })

  test('[LOC6] only we sign our tokens: the secret of the platform does not, and other users and tenants are not in it', async () => {
    const { token, user } = await signedIn(rest, 'ana@x.example')
    const claims = jwt.decode(token) as Record<string, unknown>
    expect(Object.keys(claims).sort()).toEqual(['exp', 'iat', 'iss', 'sid', 'sub', 'tenant_id'])
    const [key] = localKeys(hub.config)
    const own = (more: object) => jwt.sign({ ...claims, ...more }, key ?? '', { algorithm: 'HS256' })
    expect(await isIn(rest, own({}))).toBe(true)
    const other = await hub.addTenant()
    const stranger = await addUser(hub, 'stranger@x.example')
    for (const bad of [
      forge(claims),
      forge({ ...claims, iss: 'cms', role: 'admin' }, undefined, { secret: key ?? '' }),
      own({ iss: 'cms', role: 'admin' }),
      own({ sid: '0198f000-0000-7000-8000-000000000000' }),
      own({ sub: stranger }),
      own({ tenant_id: other.id }),
      own({ sid: undefined }),
      own({ sub: user.id.slice(1) }),
    ])
      expect(await isIn(rest, bad)).toBe(false)
    // What the CMS says of somebody of that name is about somebody else.
    const cms = await authenticate(hub.deps, forge(goodClaims({ sub: user.id })))
    expect(cms.actor.id).not.toBe(user.id)
  })
})

describe('guessing', () => {
  test('[LOC3] after LOCAL_ATTEMPTS wrong passwords the right one waits too, for LOCAL_LOCK_SECONDS; one before that it does not', async () => {
    await using hub = await startHub({ ...on, LOCAL_ATTEMPTS: '3', LOCAL_LOCK_SECONDS: '60' })
    let now = Date.now()
    const clock = { now: () => new Date(now) }
    const rest = await startRestOf({ ...hub, deps: { ...hub.deps, clock } })
    await addUser(hub, 'ana@x.example')
    const wrong = { email: 'ana@x.example', password: 'wrong horse battery' }
    const right = { email: 'ana@x.example', password: goodPassword }
    for (const _ of [1, 2]) expect(await refusedCode(rest, 'sign-in', wrong)).toBe('sign_in_failed')
    // The last one that is allowed; it takes the others back.
    expect((await post(rest, 'sign-in', right)).status).toBe(200)
    for (const _ of [1, 2, 3]) expect(await refusedCode(rest, 'sign-in', wrong)).toBe('sign_in_failed')
    const locked = await rest.refused('POST', '/api/auth/sign-in', { json: right })
    expect(locked).toMatchObject({ status: 429, code: 'sign_in_locked', then: 'later' })
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(50)
    expect(Number(locked.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    now += 59_000
    expect(await refusedCode(rest, 'sign-in', right)).toBe('sign_in_locked')
    now += 2000
    expect((await post(rest, 'sign-in', right)).status).toBe(200)
  })

  test('[LOC3] S29 an address that nobody has is locked alike', async () => {
    await using hub = await startHub({ ...on, LOCAL_ATTEMPTS: '2' })
    const rest = await startRestOf(hub)
    const json = { email: 'nobody@x.example', password: goodPassword }
    const codes = []
    for (let n = 0; n < 3; n++) codes.push(await refusedCode(rest, 'sign-in', json))
    expect(codes).toEqual(['sign_in_failed', 'sign_in_failed', 'sign_in_locked'])
  })

  test('[LOC3] many tries at once count as many', async () => {
    await using hub = await startHub({ ...on, LOCAL_ATTEMPTS: '5' })
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const json = { email: 'ana@x.example', password: 'wrong horse battery' }
    const codes = await Promise.all(Array.from({ length: 20 }, () => refusedCode(rest, 'sign-in', json)))
    expect(codes.filter((code) => code === 'sign_in_failed')).toHaveLength(5)
    expect(codes.filter((code) => code === 'sign_in_locked')).toHaveLength(15)
  })

  test('[LOC3] who guesses from elsewhere locks nobody out at home, until LOCAL_ATTEMPTS_PER_EMAIL', async () => {
    await using hub = await startHub({
      ...on,
      LOCAL_ATTEMPTS: '2',
      LOCAL_ATTEMPTS_PER_EMAIL: '6',
      TRUST_PROXY: 'loopback',
    })
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const from = (ip: string, password: string) =>
      post<{ code?: string }>(
        rest,
        'sign-in',
        { email: 'ana@x.example', password },
        { headers: { 'x-forwarded-for': ip } },
      )
    for (const _ of [1, 2, 3]) await from('203.0.113.1', 'wrong horse battery')
    expect((await from('198.51.100.7', goodPassword)).status).toBe(200)
    for (const ip of ['203.0.113.2', '203.0.113.3', '203.0.113.4'])
      for (const _ of [1, 2]) expect((await from(ip, 'wrong horse battery')).body.code).toBe('sign_in_failed')
    expect((await from('198.51.100.7', goodPassword)).body.code).toBe('sign_in_locked')
  })

  test('[LOC3] S28 an address of the network has LOCAL_RATE_PER_MINUTE sign-ins, and not one more', async () => {
    await using hub = await startHub({ ...on, LOCAL_RATE_PER_MINUTE: '3' })
    const rest = await startRestOf(hub)
    await eventually(() => expect(Date.now() % 60_000).toBeLessThan(50_000), 15_000)
    const codes = []
    for (let n = 0; n < 4; n++)
      codes.push(await refusedCode(rest, 'sign-in', { email: `${n}@x.example`, password: 'x' }))
    expect(codes).toEqual(['sign_in_failed', 'sign_in_failed', 'sign_in_failed', 'rate_limited'])
    expect((await rest.call('GET', '/admin/me', { token: hub.token('agent') })).status).toBe(200)
  })

  test('[LOC3] LOCAL_HASHES are hashed at a time and LOCAL_HASHES_WAITING wait; more are told to come back', async () => {
    await using hub = await startHub({ ...on, LOCAL_HASHES: '1', LOCAL_HASHES_WAITING: '2' })
    const rest = await startRestOf(hub)
    const codes = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        refusedCode(rest, 'sign-in', { email: `${n}@x.example`, password: goodPassword }),
      ),
    )
    expect(codes.filter((code) => code === 'sign_in_failed').length).toBeGreaterThanOrEqual(3)
    expect(codes.filter((code) => code === 'unavailable').length).toBeGreaterThanOrEqual(1)
    expect(codes.every((code) => code === 'sign_in_failed' || code === 'unavailable')).toBe(true)
  })
})

describe('switched off', () => {
  test('[LOC8] it is off unless said otherwise; then nobody signs in, renews or comes in with a token of ours', async () => {
    await using hub = await startHub()
    expect(hub.config.LOCAL_SIGN_IN).toBe('off')
    await addUser(hub, 'ana@x.example')
    const rest = await startRestOf(hub)
    const json = { email: 'ana@x.example', password: goodPassword }
    expect(await rest.refused('POST', '/api/auth/sign-in', { json })).toMatchObject({
      status: 403,
      code: 'local_sign_in_off',
    })
    expect(await refusedCode(rest, 'refresh', { refreshToken: 'sr_x' })).toBe('local_sign_in_off')
    const other = await startRestOf({
      ...hub,
      deps: { ...hub.deps, config: { ...hub.config, LOCAL_SIGN_IN: 'on' } },
    })
    const { token } = await signedIn(other, 'ana@x.example')
    expect(await isIn(other, token)).toBe(true)
    expect(await isIn(rest, token)).toBe(false)
  })

  test('[LOC8] tokens signed with the key before go on while ENCRYPTION_KEY is rotated', async () => {
    const before = Buffer.alloc(32, 1).toString('base64')
    const after = Buffer.alloc(32, 2).toString('base64')
    await using hub = await startHub({ ...on, ENCRYPTION_KEY: after, ENCRYPTION_KEY_PREVIOUS: before })
    await addUser(hub, 'ana@x.example')
    const config = { ...hub.config, ENCRYPTION_KEY: before, ENCRYPTION_KEY_PREVIOUS: undefined }
    const old = await startRestOf({ ...hub, deps: { ...hub.deps, config } })
    const rest = await startRestOf(hub)
    const { token } = await signedIn(old, 'ana@x.example')
    expect(await isIn(rest, token)).toBe(true)
  })
})
