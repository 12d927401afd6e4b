import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

let hub: Hub
let rest: RestClient
const ours = 'https://console.example'

beforeAll(async () => {
  hub = await startHub({ CORS_ALLOWED_ORIGINS: `${ours},http://localhost:3000`, BASE_PATH: '/crmwhats/v2' })
  rest = await startRestOf(hub)
})
afterAll(() => hub[Symbol.asyncDispose]())

/** Origins that look like ours, or like nothing. */
const foreign = [
  'https://attacker.example',
  'null',
  'http://console.example',
  'https://console.example:8443',
  'https://console.example.attacker.example',
  'https://xconsole.example',
  'https://sibling.console.example',
  'https://CONSOLE.example',
  'https://console.example/',
  ' https://console.example.',
]
const cookie = (role: 'admin' | 'agent' = 'admin') => ({
  cookie: `a=b; ${hub.config.SSO_COOKIE}=${hub.token(role)}; c=d`,
})

describe('origins', () => {
  test.each(foreign)('[ACC4] S1 a page of %s may neither read answers nor send anything', async (origin) => {
    const answer = await rest.call('GET', '/admin/me', { token: hub.token('agent'), headers: { origin } })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    const preflight = await rest.call('OPTIONS', '/api/v1/channels', {
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    })
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('[ACC4] a page of ours may, with credentials, and sees the headers that it needs', async () => {
    const answer = await rest.call('GET', '/admin/me', {
      token: hub.token('agent'),
      headers: { origin: ours },
    })
    expect(answer.headers.get('access-control-allow-origin')).toBe(ours)
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
    expect(answer.headers.get('vary')).toContain('Origin')
    expect(answer.headers.get('access-control-expose-headers')).toContain('etag')
    const preflight = await rest.call('OPTIONS', '/api/v1/channels', {
      headers: {
        origin: ours,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'if-match,content-type',
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key')
  })

  test('[ACC4] a page of ours can read refusals too', async () => {
    const refused = await rest.refused('GET', '/admin/me', { headers: { origin: ours } })
    expect(refused.headers.get('access-control-allow-origin')).toBe(ours)
  })
})

describe("the platform's cookie", () => {
  test('[ACC5] it signs in for reading', async () => {
    expect((await rest.call('GET', '/admin/me', { headers: cookie() })).status).toBe(200)
  })

  test.each([...foreign, undefined])('[ACC5] S2 S11 it changes nothing for a page of %s', async (origin) => {
    const headers = { ...cookie(), ...(origin === undefined ? {} : { origin }) }
    for (const [method, path] of [
      ['POST', '/api/v1/channels'],
      ['PATCH', '/api/v1/channels/0198f000-0000-7000-8000-000000000000'],
      ['DELETE', '/api/v1/channels/0198f000-0000-7000-8000-000000000000'],
    ] as const)
      expect(await rest.refused(method, path, { headers })).toMatchObject({
        status: 403,
        code: 'origin_denied',
      })
  })

  test('[ACC5] for a page of ours it does; then the request itself is judged', async () => {
    const refused = await rest.refused('DELETE', '/api/v1/channels/0198f000-0000-7000-8000-000000000000', {
      headers: { ...cookie(), origin: ours },
    })
    expect(refused.code).toBe('not_found')
  })

  test('[ACC5] beside a bearer the cookie does not count, good or bad', async () => {
    const bad = await rest.refused('GET', '/admin/me', { token: 'x', headers: cookie() })
    expect(bad.code).toBe('unauthorized')
    const answer = await rest.call<{ user: { role: string } }>('GET', '/admin/me', {
      token: hub.token('agent'),
      headers: cookie('admin'),
    })
    expect(answer.body.user.role).toBe('agent')
  })
})

describe('headers', () => {
  test.each([
    ['an answer', '/health'],
    ['a refusal', '/admin/me'],
    ['nothing there', '/nope'],
  ])('[REST9] S33 %s tells browsers to trust it with nothing', async (_, path) => {
    const { headers } = await rest.call('GET', path)
    const policy = headers.get('content-security-policy') ?? ''
    for (const directive of [
      "default-src 'self'",
      "script-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ])
      expect(policy).toContain(directive)
    expect(policy).not.toContain('unsafe')
    expect(headers.get('strict-transport-security')).toMatch(/max-age=\d{8,}/)
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('server')).toBeNull()
  })
})

describe('BASE_PATH', () => {
  test('[REST10] prefixes every path and nothing answers beside it', async () => {
    for (const path of ['/health', '/ready', '/metrics'])
      expect((await rest.call('GET', path)).status).toBe(200)
    const token = hub.token('agent')
    for (const path of ['/admin/me', '/api/v1/channels', '/admin/users']) {
      expect((await rest.call('GET', path, { token })).status).toBe(200)
      const beside = await fetch(`${rest.origin}${path}`, { headers: { authorization: `Bearer ${token}` } })
      expect(beside.status).toBe(404)
    }
    expect((await fetch(`${rest.origin}/health`)).status).toBe(404)
    expect((await fetch(`${rest.origin}/crmwhats/v2x/health`)).status).toBe(404)
  })

  test('[REST10] it is in the addresses that we give out', async () => {
    const answer = await rest.call<{ data: { webhookUrl: string } }>('POST', '/api/v1/channels', {
      token: hub.token('admin'),
      json: {
        provider: 'whatsapp-cloud',
        name: 'n',
        phoneNumberId: '31',
        wabaId: '1',
        displayPhoneNumber: '1',
        accessToken: 'a',
        appSecret: 'b',
        verifyToken: 'c',
      },
    })
    expect(answer.headers.get('location')).toMatch(/^\/crmwhats\/v2\/api\/v1\/channels\//)
    expect(new URL(answer.body.data.webhookUrl).pathname).toBe('/crmwhats/v2/api/webhooks/whatsapp')
  })
})
