import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { asSuperuser, cli, cliJson } from '../cli/cli.ts'
import { startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { addUser, goodPassword, isIn, on, post, refusedCode, signedIn } from './sign-in-hub.ts'

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

  test('[LOC10] it is good for nothing once its user came with a token of others: an admin cannot come in as them', async () => {
    await using hub = await startHub(on)
    const rest = await startRestOf(hub)
    const admin = hub.token('admin')
    const id = await invite(rest, admin, 'cem@x.example')
    const { token } = (await offer(rest, admin, id)).body.data
    const { default: jwt } = await import('jsonwebtoken')
    const theirs = jwt.sign(
      { role: 'agent', email: 'cem@x.example', tenant_id: hub.tenant.slug },
      (hub.config.JWT_SECRET ?? [])[0] ?? '',
      { algorithm: 'HS256', issuer: 'cms', subject: 'cem', expiresIn: 600 },
    )
    const me = await rest.call<{ user: { id: string } }>('GET', '/admin/me', { token: theirs })
    expect(me.body.user.id).toBe(id)
    const set = await rest.call('POST', '/api/auth/set-password', {
      json: { token, newPassword: goodPassword },
    })
    expect(set.body).toMatchObject({ code: 'unauthorized' })
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
    const there = await cli(
      hub.environment,
      'user',
      'create',
      'root@X.example',
      '--tenant',
      elsewhere.slug,
      '--role',
      'admin',
    )
    expect(there.code, there.stderr).toBe(0)
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
    // The one elsewhere has a password of its own.
    expect((await signedIn(rest, 'root@x.example', next.answer.password)).tenant.slug).toBe('main')
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
