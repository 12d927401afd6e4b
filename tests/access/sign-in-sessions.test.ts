import { describe, expect, test } from 'vitest'
import { authenticate } from '../../src/auth/authenticate.ts'
import { startWorkers } from '../../workers/server.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { eventually } from '../harness/eventually.ts'
import { asSuperuser } from '../cli/cli.ts'
import { startHub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { addUser, goodPassword, isIn, on, ours, post, refusedCode, signedIn } from './sign-in-hub.ts'

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
    for (const json of [{ refreshToken }, { refreshToken }, { refreshToken: 'x' }, {}]) {
      const answer = await post(rest, 'sign-out', json)
      expect(answer.status).toBe(204)
      // A page that shows no cookie must not be able to take one away either.
      expect(answer.headers.get('set-cookie')).toBeNull()
    }
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
  expect(await counts()).toEqual({ sessions: 2, attempts: 16 })
  await asSuperuser(hub, async (query) => {
    await query(`update sign_in_sessions set renewed_at = now() - interval '11 hours'
                 where id = (select min(id::text)::uuid from sign_in_sessions)`)
    await query(`update sign_in_attempts set since = now() - interval '11 minutes'
                 where key in (select key from sign_in_attempts limit 1)`)
  })
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  await eventually(async () => expect(await counts()).toEqual({ sessions: 1, attempts: 15 }))
})
