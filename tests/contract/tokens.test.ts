import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Problem } from '../../src/contract/rest/problem.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { badTokens, forge, goodClaims, goodTokens } from '../harness/tokens.ts'

let hub: Hub
let rest: RestClient

beforeAll(async () => {
  hub = await startHub({ FAILED_AUTH_PER_MINUTE: '100000' })
  rest = await startRestOf(hub)
})
afterAll(() => hub[Symbol.asyncDispose]())

describe('over REST', () => {
  test.each(badTokens)('[ACC1] $rule a token is refused: $what', async ({ make, code }) => {
    const problem = await rest.refused('GET', '/admin/me', { token: make() })
    expect(problem).toMatchObject({ status: 401, code, then: 'sign-in' })
    expect(problem.headers.get('www-authenticate')).toBe('Bearer')
  })

  test.each(badTokens)('[ACC1] $rule POST /api/auth/validate says no: $what', async ({ make, code }) => {
    const problem = await rest.refused('POST', '/api/auth/validate', {
      json: { token: make().slice(0, 8192) },
    })
    expect(problem).toMatchObject({ status: 401, code })
  })

  test.each(goodTokens)('[ACC1] a good token comes in: $what', async ({ make }) => {
    const answer = await rest.call('GET', '/admin/me', { token: make() })
    expect(answer.status, answer.text).toBe(200)
  })

  test('[ACC1] S3 bad tokens differ in nothing but their code', async () => {
    const bodies = new Set<string>()
    for (const { make, code } of badTokens.filter((token) => token.code === 'unauthorized')) {
      const {
        headers: _headers,
        requestId: _id,
        ...rest_
      } = await rest.refused('GET', '/admin/me', { token: make() })
      bodies.add(JSON.stringify(rest_))
      expect(rest_.code).toBe(code)
    }
    expect(bodies.size).toBe(1)
  })

  test.each([
    ['no credential', {}],
    ['an empty bearer', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }],
    ['a bare token', { authorization: forge() }],
    ['two tokens in one header', { authorization: `Bearer ${forge()}, Bearer ${forge()}` }],
  ])('[ACC1] %s is refused', async (_, headers) => {
    expect((await rest.refused('GET', '/admin/me', { headers })).code).toBe('unauthorized')
  })

  test('[ACC3] S10 a token in the query is not a credential, and the refusal does not repeat it', async () => {
    for (const name of ['token', 'access_token', 'auth', 'jwt', 'saubh_token']) {
      const token = forge()
      const answer = await rest.call<Problem>('GET', `/admin/me?${name}=${token}`)
      expect(answer.status).toBe(401)
      expect(answer.text).not.toContain(token)
    }
  })

  test('[ACC1] a token is refused from its second on, also when it was remembered', async () => {
    const exp = Math.floor(Date.now() / 1000) + 1 - hub.config.JWT_LEEWAY
    const token = forge(goodClaims({ iat: exp - 60, exp }))
    const answers: number[] = []
    for (;;) {
      const { status } = await rest.call('GET', '/admin/me', { token })
      answers.push(status)
      if (status !== 200) break
    }
    expect(answers[0]).toBe(200)
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(exp + hub.config.JWT_LEEWAY)
    expect(Date.now() / 1000).toBeLessThan(exp + hub.config.JWT_LEEWAY + 2)
  })
})

describe('POST /api/auth/validate', () => {
  const expected = {
    valid: true,
    user: { id: expect.any(String), email: null, name: 'Ana', role: 'agent', platformUserId: null },
    tenant: { id: expect.any(String), slug: 'main', name: 'Main' },
    expiresAt: expect.stringMatching(/Z$/),
  }

  test('takes the token as bearer, as cookie and in the body', async () => {
    const token = forge()
    const cookie = { cookie: `other=1; ${hub.config.SSO_COOKIE}=${token}` }
    expect((await rest.call('POST', '/api/auth/validate', { token })).body).toEqual(expected)
    expect((await rest.call('POST', '/api/auth/validate', { headers: cookie })).body).toEqual(expected)
    expect((await rest.call('POST', '/api/auth/validate', { json: { token } })).body).toEqual(expected)
  })

  test('a cookie does not stand in for a bad token that was named', async () => {
    const cookie = { cookie: `${hub.config.SSO_COOKIE}=${forge()}` }
    expect(
      (await rest.refused('POST', '/api/auth/validate', { json: { token: 'x' }, headers: cookie })).status,
    ).toBe(401)
  })

  test('nothing at all is a 401, a body of another shape a 400', async () => {
    expect((await rest.refused('POST', '/api/auth/validate')).status).toBe(401)
    expect((await rest.refused('POST', '/api/auth/validate', { json: { token: 1 } })).status).toBe(400)
    expect((await rest.refused('POST', '/api/auth/validate', { json: { tokens: 'x' } })).status).toBe(400)
  })
})
