import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import jwt from 'jsonwebtoken'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signedInView, type SignedInView } from '../../src/contract/rest/sign-in.ts'
import { authenticate } from '../../src/auth/authenticate.ts'
import { localKeys } from '../../src/auth/local-tokens.ts'
import { presentActor } from '../../src/auth/actor.ts'
import { createLocalUser } from '../../src/domain/sign-in/create-local-user.ts'
import { hashPassword } from '../../src/domain/sign-in/password-hash.ts'
import type { Role } from '../../src/contract/records.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { startWorkers } from '../../workers/server.ts'
import { asSuperuser, cli, cliJson } from '../cli/cli.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, type RestRequest, startRestOf } from '../harness/rest-client.ts'
import { forge, goodClaims } from '../harness/tokens.ts'

const on = {
  LOCAL_SIGN_IN: 'on',
  LOCAL_RATE_PER_MINUTE: '10000',
  CORS_ALLOWED_ORIGINS: 'https://console.example',
}
const goodPassword = 'correct horse battery'
const ours = { origin: 'https://console.example' }

/** A user with a password, as the command line makes one. */
async function addUser(
  hub: Hub,
  email: string,
  role: Role = 'agent',
  password = goodPassword,
): Promise<string> {
  const actor = { kind: 'system', tenantId: hub.tenant.id, name: 'test' } as const
  const hash = await hashPassword(hub.config, password)
  const input = { issuer: hub.config.LOCAL_ISSUER, email, name: email, role, hash }
  const user = await inTenant(
    hub.deps,
    hub.tenant.id,
    (tx) => createLocalUser(tx, { actor }, input),
    presentActor(actor),
  )
  return user.id
}

const post = <Body = SignedInView>(rest: RestClient, path: string, json: unknown, more: RestRequest = {}) =>
  rest.call<Body>('POST', `/api/auth/${path}`, { json, ...more })

async function signedIn(rest: RestClient, email: string, password = goodPassword): Promise<SignedInView> {
  const answer = await post(rest, 'sign-in', { email, password })
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

const refusedCode = async (rest: RestClient, path: string, json: unknown, more: RestRequest = {}) =>
  (await rest.refused('POST', `/api/auth/${path}`, { json, ...more })).code

const isIn = async (rest: RestClient, token: string) =>
  (await rest.call('GET', '/admin/me', { token })).status === 200

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
      { ...good, tenant: 'main' },
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

describe('staying signed in', () => {
  test('[LOC4] each renewal gives the next token and the next refresh token; the former is good for a moment', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const first = await signedIn(rest, 'ana@x.example')
    const second = await post(rest, 'refresh', { refreshToken: first.refreshToken })
    expect(second.status, second.text).toBe(200)
    expect(second.body.refreshToken).not.toBe(first.refreshToken)
    expect(await isIn(rest, second.body.token)).toBe(true)
    // Two tabs at the same moment, or an answer that was lost.
    expect((await post(rest, 'refresh', { refreshToken: first.refreshToken })).status).toBe(200)
  })

  test('[LOC4] a refresh token that is shown again later ends the sign-in for whoever has it, and the socket', async () => {
    await using hub = await startGatewayHub({ ...on, LOCAL_REFRESH_GRACE_SECONDS: '0' })
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const stolen = await signedIn(rest, 'ana@x.example')
    const next = await post(rest, 'refresh', { refreshToken: stolen.refreshToken })
    const socket = hub.connect({ token: next.body.token })
    await socket.next('caught-up')
    expect(await refusedCode(rest, 'refresh', { refreshToken: stolen.refreshToken })).toBe('unauthorized')
    expect(await socket.next('bye')).toMatchObject({ code: 'access_revoked' })
    expect(await refusedCode(rest, 'refresh', { refreshToken: next.body.refreshToken })).toBe('unauthorized')
    await expect(authenticate(hub.deps, next.body.token)).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('[LOC4] unused for LOCAL_SESSION_IDLE_HOURS, or after LOCAL_SESSION_HOURS, it is over', async () => {
    await using hub = await startHub({ ...on, LOCAL_SESSION_IDLE_HOURS: '10', LOCAL_SESSION_HOURS: '25' })
    let now = Date.now()
    const rest = await startRestOf({ ...hub, deps: { ...hub.deps, clock: { now: () => new Date(now) } } })
    await addUser(hub, 'ana@x.example')
    const hour = 3_600_000
    const idle = await signedIn(rest, 'ana@x.example')
    const used = await signedIn(rest, 'ana@x.example')
    now += 10 * hour - 1000
    const once = await post(rest, 'refresh', { refreshToken: used.refreshToken })
    now += 1000
    expect(await refusedCode(rest, 'refresh', { refreshToken: idle.refreshToken })).toBe('token_expired')
    now += 9 * hour
    const twice = await post(rest, 'refresh', { refreshToken: once.body.refreshToken })
    expect(Date.parse(twice.body.refreshExpiresAt)).toBe(Date.parse(used.refreshExpiresAt) + 15 * hour)
    now += 6 * hour
    expect(await refusedCode(rest, 'refresh', { refreshToken: twice.body.refreshToken })).toBe(
      'token_expired',
    )
  })

  test('[LOC4] LOCAL_SESSIONS at a time: one more ends the one that was unused longest', async () => {
    await using hub = await startHub({ ...on, LOCAL_SESSIONS: '2' })
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const [one, two] = [await signedIn(rest, 'ana@x.example'), await signedIn(rest, 'ana@x.example')]
    const renewed = await post(rest, 'refresh', { refreshToken: one.refreshToken })
    expect(await isIn(rest, two.token)).toBe(true)
    await signedIn(rest, 'ana@x.example')
    expect((await post(rest, 'refresh', { refreshToken: renewed.body.refreshToken })).status).toBe(200)
    expect(await refusedCode(rest, 'refresh', { refreshToken: two.refreshToken })).toBe('unauthorized')
  })

  test('[LOC4] a socket goes on with a renewed token', async () => {
    await using hub = await startGatewayHub(on)
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const first = await signedIn(rest, 'ana@x.example')
    const socket = hub.connect({ token: first.token })
    await socket.next('caught-up')
    const next = await post(rest, 'refresh', { refreshToken: first.refreshToken })
    expect(await socket.send('session.renew', { token: next.body.token })).toMatchObject({ ok: true })
  })

  test('[LOC4] garbage and tokens of others renew nothing; nothing at all is a 401', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    for (const refreshToken of ['x', 'sr_', `sr_${'A'.repeat(43)}`, hub.token('agent').slice(0, 200)])
      expect(await refusedCode(rest, 'refresh', { refreshToken })).toBe('unauthorized')
    expect(await refusedCode(rest, 'refresh', {})).toBe('unauthorized')
  })
})

describe('signing out', () => {
  test('[LOC5] K3: it ends this sign-in within 2 s: its token, its refresh token and its sockets, and no other’s', async () => {
    await using hub = await startGatewayHub(on)
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const [here, there] = [await signedIn(rest, 'ana@x.example'), await signedIn(rest, 'ana@x.example')]
    const sockets = [here, here, there].map(({ token }) => hub.connect({ token }))
    for (const socket of sockets) await socket.next('caught-up')
    expect(await isIn(rest, here.token)).toBe(true)
    const began = performance.now()
    expect((await post(rest, 'sign-out', { refreshToken: here.refreshToken })).status).toBe(204)
    for (const socket of sockets.slice(0, 2))
      expect(await socket.next('bye')).toMatchObject({ code: 'access_revoked', reconnect: false })
    expect(performance.now() - began).toBeLessThan(2000)
    await eventually(async () => expect(await isIn(rest, here.token)).toBe(false), 5000)
    expect(await refusedCode(rest, 'refresh', { refreshToken: here.refreshToken })).toBe('unauthorized')
    expect(await isIn(rest, there.token)).toBe(true)
    expect(sockets[2]?.heard.map(({ name }) => name)).not.toContain('bye')
    expect((await post(rest, 'refresh', { refreshToken: there.refreshToken })).status).toBe(200)
  })

  test('[LOC5] signing out twice, or with what is nothing, is as good as once', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const { refreshToken } = await signedIn(rest, 'ana@x.example')
    for (const json of [{ refreshToken }, { refreshToken }, { refreshToken: 'x' }, {}])
      expect((await post(rest, 'sign-out', json)).status).toBe(204)
  })
})

describe('the password', () => {
  test('[LOC5] its owner changes it with the present one; other sign-ins end and this one goes on', async () => {
    await using hub = await startGatewayHub(on)
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const [here, there] = [await signedIn(rest, 'ana@x.example'), await signedIn(rest, 'ana@x.example')]
    const socket = hub.connect({ token: there.token })
    await socket.next('caught-up')
    const change = (json: object, token = here.token) =>
      rest.call<{ code?: string }>('POST', '/api/auth/password', { token, json })
    const newPassword = 'a better horse battery'
    expect((await change({ currentPassword: 'wrong horse battery', newPassword })).body.code).toBe(
      'sign_in_failed',
    )
    const changed = await change({ currentPassword: goodPassword, newPassword })
    expect(changed.status, changed.text).toBe(204)
    expect(await socket.next('bye')).toMatchObject({ code: 'access_revoked' })
    expect(await refusedCode(rest, 'sign-in', { email: 'ana@x.example', password: goodPassword })).toBe(
      'sign_in_failed',
    )
    await signedIn(rest, 'ana@x.example', newPassword)
    expect((await post(rest, 'refresh', { refreshToken: here.refreshToken })).status).toBe(200)
    expect(await refusedCode(rest, 'refresh', { refreshToken: there.refreshToken })).toBe('unauthorized')
  })

  test('[LOC5] LOCAL_PASSWORD_LENGTH characters are enough and one less is not; too simple ones are not either', async () => {
    await using hub = await startHub({ ...on, LOCAL_PASSWORD_LENGTH: '10' })
    const rest = await startRestOf(hub)
    await addUser(hub, 'a@x.ex')
    const { token } = await signedIn(rest, 'a@x.ex')
    const attempt = (newPassword: string) =>
      rest.call<{ errors?: { pointer: string; message: string }[] }>('POST', '/api/auth/password', {
        token,
        json: { currentPassword: goodPassword, newPassword },
      })
    for (const [password, message] of [
      ['123456789', 'at least 10'],
      ['aaaaaaaaaaaa', 'different'],
      ['my A@X.EX word', 'e-mail'],
      [`${'ab cd ef '.repeat(30)}`, 'at most 200'],
    ] as const)
      expect((await attempt(password)).body.errors, password).toEqual([
        { in: 'body', pointer: '/newPassword', message: expect.stringContaining(message) },
      ])
    expect((await attempt('1234567890')).status).toBe(204)
  })

  test('[LOC5] wrong tries with a stolen token are counted like tries to sign in', async () => {
    await using hub = await startHub({ ...on, LOCAL_ATTEMPTS: '2' })
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const { token } = await signedIn(rest, 'ana@x.example')
    const json = { currentPassword: 'wrong horse battery', newPassword: 'a better horse battery' }
    const codes = []
    for (let n = 0; n < 3; n++) codes.push(await refusedCode(rest, 'password', json, { token }))
    expect(codes).toEqual(['sign_in_failed', 'sign_in_failed', 'sign_in_locked'])
  })

  test('[LOC5] who has none, and keys, cannot change one', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    const json = { currentPassword: goodPassword, newPassword: 'a better horse battery' }
    expect(await refusedCode(rest, 'password', json, { token: hub.token('admin') })).toBe('forbidden')
    expect(await refusedCode(rest, 'password', json)).toBe('unauthorized')
  })
})

describe('who was invited, or forgot', () => {
  const invite = async (rest: RestClient, token: string, email: string) => {
    const json = { email, role: 'agent' }
    const made = await rest.call<{ data: { id: string } }>('POST', '/admin/users', { token, json })
    expect(made.status, made.text).toBe(201)
    return made.body.data.id
  }
  const offer = (rest: RestClient, token: string, id: string, headers: Record<string, string> = {}) =>
    rest.call<{ data: { token: string; expiresAt: string } }>('POST', `/admin/users/${id}/password-token`, {
      token,
      headers,
    })

  test('[LOC10] sets their own password, once, with the secret that an admin hands over', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    const admin = hub.token('admin')
    const id = await invite(rest, admin, 'Cem@x.example')
    const first = await offer(rest, admin, id)
    expect(first.status, first.text).toBe(201)
    const second = await offer(rest, admin, id, { 'idempotency-key': 'one' })
    expect((await offer(rest, admin, id, { 'idempotency-key': 'one' })).body.data.token).toBeNull()
    const set = (token: string, newPassword = goodPassword) =>
      rest.call<{ code?: string }>('POST', '/api/auth/set-password', { json: { token, newPassword } })
    // The next takes the place of the one before; a weak password leaves it good.
    expect((await set(first.body.data.token)).body.code).toBe('unauthorized')
    expect((await set(second.body.data.token, 'short')).body.code).toBe('validation_failed')
    expect((await set(second.body.data.token)).status).toBe(204)
    expect((await set(second.body.data.token)).body.code).toBe('unauthorized')
    expect((await signedIn(rest, 'cem@x.example')).user).toMatchObject({ id, role: 'agent' })
    expect((await rest.call('GET', `/admin/users/${id}`, { token: admin })).body).toMatchObject({
      data: { invited: false },
    })
    const { rows } = await asSuperuser(hub, (query) =>
      query(
        `select string_agg(a::text, '') || (select string_agg(k::text, '') from idempotency_keys k) as texts from audit_logs a`,
      ),
    )
    for (const made of [first, second])
      expect(String((rows as { texts: string }[])[0]?.texts)).not.toContain(made.body.data.token)
  })

  test('[LOC10] many at once with one secret: one sets it', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    const admin = hub.token('admin')
    const { body } = await offer(rest, admin, await invite(rest, admin, 'cem@x.example'))
    const passwords = Array.from({ length: 8 }, (_, n) => `${goodPassword} ${n}`)
    const statuses = await Promise.all(
      passwords.map(async (newPassword) => {
        const json = { token: body.data.token, newPassword }
        return (await rest.call('POST', '/api/auth/set-password', { json })).status
      }),
    )
    expect(statuses.filter((status) => status === 204)).toHaveLength(1)
    await signedIn(rest, 'cem@x.example', passwords[statuses.indexOf(204)])
  })

  test('[LOC10] it is good for LOCAL_PASSWORD_TOKEN_HOURS and not longer, and not for who was disabled', async () => {
    await using hub = await startHub({ ...on, LOCAL_PASSWORD_TOKEN_HOURS: '2' })
    let now = Date.now()
    const rest = await startRestOf({ ...hub, deps: { ...hub.deps, clock: { now: () => new Date(now) } } })
    const admin = hub.token('admin', { ttlSeconds: 80_000 })
    const [early, late, gone] = [
      await invite(rest, admin, 'a@x.example'),
      await invite(rest, admin, 'b@x.example'),
      await invite(rest, admin, 'c@x.example'),
    ]
    const tokens = []
    for (const id of [early, late, gone]) tokens.push((await offer(rest, admin, id)).body.data.token)
    await rest.call('POST', `/admin/users/${gone}/disable`, { token: admin })
    const set = async (token: string | undefined) =>
      (await rest.call('POST', '/api/auth/set-password', { json: { token, newPassword: goodPassword } }))
        .status
    expect(await set(tokens[2])).toBe(401)
    now += 2 * 3_600_000 - 1000
    expect(await set(tokens[0])).toBe(204)
    now += 1000
    expect(await set(tokens[1])).toBe(401)
  })

  test('[LOC10] nobody makes one for whom others vouch for, for whoever may do more, or for another tenant', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    const admin = hub.token('admin')
    const ana = await hub.signIn('agent', { sub: 'ana' })
    const other = await hub.addTenant()
    const stranger = await hub.signIn('agent', { sub: 'ana', tenant: other.slug })
    expect((await offer(rest, admin, ana.actor.id)).status).toBe(409)
    expect((await offer(rest, admin, stranger.actor.id)).status).toBe(404)
    const invited = await invite(rest, admin, 'cem@x.example')
    for (const role of ['viewer', 'agent', 'manager'] as const)
      expect((await offer(rest, hub.token(role, { sub: role }), invited)).status).toBe(403)
    const key = await rest.call<{ data: { key: string } }>('POST', '/admin/api-keys', {
      token: admin,
      json: { name: 'people', role: 'admin', scopes: ['user.manage', 'user.read'] },
    })
    const root = await addUser(hub, 'root@x.example', 'admin')
    // A key that may manage people must not become an admin who may do everything.
    expect((await offer(rest, key.body.data.key, root)).status, key.text).toBe(403)
  })

  test('[LOC10] who gets another e-mail address signs in with that one', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    const admin = hub.token('admin')
    const id = await addUser(hub, 'old@x.example')
    await addUser(hub, 'taken@x.example')
    const json = { email: 'New@x.example' }
    expect((await rest.call('PATCH', `/admin/users/${id}`, { token: admin, json })).status).toBe(200)
    await signedIn(rest, 'new@x.example')
    expect(await refusedCode(rest, 'sign-in', { email: 'old@x.example', password: goodPassword })).toBe(
      'sign_in_failed',
    )
    const taken = await rest.call('PATCH', `/admin/users/${id}`, {
      token: admin,
      json: { email: 'taken@x.example' },
    })
    expect(taken.status).toBe(409)
  })
})

describe('in a browser', () => {
  test('[LOC7] S11 the refresh token is in a cookie for our paths alone, that no script reads and no other site sends', async () => {
    await using hub = await startHub({ ...on, BASE_PATH: '/crmwhats' })
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const json = { email: 'ana@x.example', password: goodPassword, cookie: true }
    expect(
      await refusedCode(rest, 'sign-in', json, { headers: { origin: 'https://attacker.example' } }),
    ).toBe('origin_denied')
    const answer = await post(rest, 'sign-in', json, { headers: ours })
    expect(answer.body.refreshToken).toBeUndefined()
    const cookie = answer.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^switchboard_refresh=sr_[\w-]{43};/)
    for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Path=/crmwhats/api/auth', 'Expires='])
      expect(cookie).toContain(attribute)
    const shown = { cookie: cookie.split(';')[0] ?? '' }
    for (const origin of [undefined, 'null', 'https://attacker.example', 'https://sibling.console.example'])
      for (const path of ['refresh', 'sign-out'])
        expect(
          await refusedCode(rest, path, {}, { headers: { ...shown, ...(origin && { origin }) } }),
          `${path} ${origin}`,
        ).toBe('origin_denied')
    const renewed = await post(rest, 'refresh', {}, { headers: { ...shown, ...ours } })
    expect(renewed.status, renewed.text).toBe(200)
    expect(renewed.body.refreshToken).toBeUndefined()
    const next = { cookie: renewed.headers.get('set-cookie')?.split(';')[0] ?? '' }
    expect(next.cookie).not.toBe(shown.cookie)
    const out = await post(rest, 'sign-out', {}, { headers: { ...next, ...ours } })
    expect(out.status).toBe(204)
    expect(out.headers.get('set-cookie')).toMatch(/^switchboard_refresh=; Max-Age=0;/)
    const over = await rest.call('POST', '/api/auth/refresh', { json: {}, headers: { ...next, ...ours } })
    expect(over.status).toBe(401)
    expect(over.headers.get('set-cookie')).toContain('Max-Age=0')
  })

  test('[LOC7] S11 in production the cookie is Secure and its name says so', async () => {
    await using hub = await startHub(on)
    const config = { ...hub.config, NODE_ENV: 'production' as const }
    const rest = await startRestOf({ ...hub, deps: { ...hub.deps, config } })
    await addUser(hub, 'ana@x.example')
    const json = { email: 'ana@x.example', password: goodPassword, cookie: true }
    const cookie = (await post(rest, 'sign-in', json, { headers: ours })).headers.get('set-cookie')
    expect(cookie).toMatch(/^__Secure-switchboard_refresh=/)
    expect(cookie).toContain('Secure;')
  })

  test('[LOC7] the cookie is no credential for anything else', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@x.example')
    const { refreshToken } = await signedIn(rest, 'ana@x.example')
    const cookie = `switchboard_refresh=${refreshToken}; saubh_token=${refreshToken}`
    expect((await rest.call('GET', '/admin/me', { headers: { cookie } })).status).toBe(401)
    expect((await rest.call('GET', '/admin/me', { token: refreshToken ?? '' })).status).toBe(401)
  })
})

test('[LOC4] sign-ins and tries that are long over are thrown away, and nothing else', async () => {
  await using hub = await startHub({ ...on, LOCAL_SESSION_HOURS: '10', LOCAL_LOCK_SECONDS: '600' })
  const rest = await startRestOf(hub)
  await addUser(hub, 'ana@x.example')
  for (const _ of [1, 2]) await signedIn(rest, 'ana@x.example')
  for (const email of ['x', 'y']) await refusedCode(rest, 'sign-in', { email, password: goodPassword })
  const counts = async () => {
    const { rows } = await asSuperuser(hub, (query) =>
      query(`select (select count(*)::int from sign_in_sessions) as sessions,
                    (select count(*)::int from sign_in_attempts) as attempts`),
    )
    return rows[0] as { sessions: number; attempts: number }
  }
  expect(await counts()).toEqual({ sessions: 2, attempts: 4 })
  await asSuperuser(hub, async (query) => {
    await query(`update sign_in_sessions set renewed_at = now() - interval '11 hours'
                 where id = (select min(id::text)::uuid from sign_in_sessions)`)
    await query(`update sign_in_attempts set since = now() - interval '11 minutes'
                 where key in (select key from sign_in_attempts limit 1)`)
  })
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  await eventually(async () => expect(await counts()).toEqual({ sessions: 1, attempts: 3 }))
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

describe('on the command line', () => {
  test('[LOC9] the first admin is made with a password that is shown once, and signs in with it', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    const args = 'user create Root@x.example --tenant main --role admin --name Root'.split(' ')
    const made = await cliJson<{ user: { role: string }; password: string }>(hub.environment, ...args)
    expect(made).toMatchObject({ code: 0, answer: { user: { role: 'admin', name: 'Root' } } })
    const { token } = await signedIn(rest, 'root@x.example', made.answer.password)
    expect((await rest.call('GET', '/admin/users', { token })).status).toBe(200)
    const again = await cli(hub.environment, ...args)
    expect(again).toMatchObject({ code: 1, stdout: '' })
    expect(again.stderr).toContain('somebody has the e-mail address Root@x.example already')
    const elsewhere = await hub.addTenant('elsewhere')
    const taken = await cli(
      hub.environment,
      'user',
      'create',
      'root@X.example',
      '--tenant',
      elsewhere.slug,
      '--role',
      'admin',
    )
    expect(taken.code).toBe(1)
    expect(
      (await cli(hub.environment, 'user', 'create', 'no-address', '--tenant', 'main', '--role', 'admin'))
        .code,
    ).toBe(2)

    const next = await cliJson<{ password: string }>(
      hub.environment,
      'user',
      'password',
      'root@x.example',
      '--tenant',
      'main',
    )
    expect(next.code).toBe(0)
    await eventually(async () => expect(await isIn(rest, token)).toBe(false), 16_000)
    await signedIn(rest, 'root@x.example', next.answer.password)
  }, 60_000)

  test('[LOC9] a password may come by standard input, if it is good enough; and it is told when sign-in is off', async () => {
    await using hub = await startHub({ LOCAL_SIGN_IN: 'off' })
    const make = async (password: string) => {
      const main = join(import.meta.dirname, '../../src/cli/main.ts')
      const args = [main, ...'user create a@x.example --tenant main --role admin --password-stdin'.split(' ')]
      const child = spawn(process.execPath, args, {
        env: { PATH: process.env['PATH'], ...hub.environment } as NodeJS.ProcessEnv,
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      child.stdin.end(`${password}\n`)
      const [out, err, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit'),
      ])
      return { out, err, code: Number(code) }
    }
    const weak = await make('short')
    expect(weak).toMatchObject({ out: '', code: 1 })
    expect(weak.err).toContain('at least 12 characters')
    const good = await make(goodPassword)
    expect(good.code, good.err).toBe(0)
    expect(good.err).toContain('LOCAL_SIGN_IN=on')
    expect(good.out + good.err).not.toContain(goodPassword)
  }, 60_000)
})
