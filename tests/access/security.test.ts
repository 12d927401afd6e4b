import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { presentActor } from '../../src/auth/actor.ts'
import { createLocalUser } from '../../src/domain/sign-in/create-local-user.ts'
import { hashPassword } from '../../src/domain/sign-in/password-hash.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { startPart } from '../harness/processes.ts'
import { type RestClient, restClient, startRestOf } from '../harness/rest-client.ts'
import { platformToken } from './platform.ts'

/** What is script, markup or an attribute for a careless reader, and text for us. */
const scripts = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><svg/onload=alert(1)>',
  "'-alert(1)-'",
  '</textarea><script>alert(1)</script>',
  '<a href="javascript:alert(1)">x</a>',
  '{{constructor.constructor("alert(1)")()}}',
  '${alert(1)}',
  '<iframe srcdoc="<script>alert(1)</script>">',
  '<math><mtext></p><style><!--</style><img src onerror=alert(1)>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '\u202Egpj.exe\u202C',
  '<!--[if gte IE 4]><script>alert(1)</script><![endif]-->',
]

describe('what people write', () => {
  let hub: Hub
  let rest: RestClient
  beforeAll(async () => {
    hub = await startHub()
    rest = await startRestOf(hub)
  })
  afterAll(() => hub[Symbol.asyncDispose]())

  test.each(scripts)(
    'S19 %s is kept and given back as the text that it is, and no answer is a page',
    async (text) => {
      const token = hub.token('admin')
      const customer = await rest.call<{ data: { id: number } }>('POST', '/admin/customers', {
        token,
        json: { name: text, company: text, address: text, source: text.slice(0, 50) },
      })
      expect(customer.status, customer.text).toBe(201)
      const { id } = customer.body.data
      const note = await rest.call('POST', '/admin/notes', { token, json: { body: text, customerId: id } })
      expect(note.status, note.text).toBe(201)
      const contact = await rest.call('POST', '/admin/contacts', {
        token,
        json: { firstName: text, title: text },
      })
      expect(contact.status, contact.text).toBe(201)
      for (const path of [
        `/admin/customers/${id}`,
        '/admin/customers',
        `/admin/notes?customerId=${id}`,
        '/admin/contacts',
        '/admin/audit-logs',
        `/admin/customers?q=${encodeURIComponent(text.slice(0, 20))}`,
      ]) {
        const answer = await rest.call(`GET`, path, { token })
        expect(answer.status, `${path}: ${answer.text}`).toBe(200)
        expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
        expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
        expect(answer.headers.get('content-security-policy')).toContain("script-src 'self'")
      }
      const whole = await rest.call<{ data: { name: string; company: string; address: string } }>(
        'GET',
        `/admin/customers/${id}`,
        { token },
      )
      expect(whole.body.data).toMatchObject({ name: text, company: text, address: text })
    },
  )

  test('S19 an address of a page is http or https, and nothing that runs', async () => {
    const token = hub.token('admin')
    const website = (address: string) =>
      rest.call('POST', '/admin/customers', { token, json: { name: 'x', website: address } })
    for (const address of [
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'java\tscript:alert(1)',
      ' javascript:alert(1)',
      'data:text/html,<script>alert(1)</script>',
      'vbscript:x',
      'file:///etc/passwd',
      '//attacker.example',
      'x',
    ])
      expect((await website(address)).status, address).toBe(400)
    for (const address of ['https://x.example', 'http://x.example/a?b=<c>'])
      expect((await website(address)).status, address).toBe(201)
  })

  test('S19 what is not there, or wrong, is told without repeating it as a page', async () => {
    const token = hub.token('admin')
    const path = encodeURIComponent('<script>alert(1)</script>')
    for (const where of [
      `/admin/${path}`,
      `/admin/customers/${path}`,
      `/admin/customers?${path}=1`,
      `/${path}`,
    ]) {
      const answer = await rest.call('GET', where, { token })
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    }
  })
})

describe('what nobody may read', () => {
  test('S31 no log line and no metric holds a password, a token, a refresh token or an address, whatever becomes of a sign-in', async () => {
    await using hub = await startHub({ LOCAL_SIGN_IN: 'on', LOG_LEVEL: 'trace' })
    const actor = { kind: 'system', tenantId: hub.tenant.id, name: 'test' } as const
    const password = 'canary-password-of-ana'
    const hash = await hashPassword(hub.config, password)
    const user = {
      issuer: 'switchboard',
      email: 'canary@x.example',
      name: 'Ana',
      role: 'agent' as const,
      hash,
    }
    await inTenant(hub.deps, hub.tenant.id, (tx) => createLocalUser(tx, { actor }, user), presentActor(actor))
    const lines: string[] = []
    const { port } = await startPart(hub, 'rest', {
      more: { LOG_LEVEL: 'trace' },
      onLine: (line) => lines.push(line),
    })
    const rest = restClient(`http://127.0.0.1:${port}`)
    const sso = platformToken({ email: 'canary-sso@x.example' })
    const post = (path: string, json: object, more: object = {}) =>
      rest.call<{ token: string; refreshToken: string }>('POST', `/api/auth/${path}`, { json, ...more })
    const { body } = await post('sign-in', { email: user.email, password })
    expect(body.token).toBeDefined()
    const next = await post('refresh', { refreshToken: body.refreshToken })
    await post('sign-in', { email: user.email, password: 'canary-wrong-password' })
    await post('sign-in', { email: user.email, password: ['canary-wrong-type'] })
    await post('password', { currentPassword: password, newPassword: 'canary-next' }, { token: body.token })
    await post('sign-out', { refreshToken: next.body.refreshToken })
    await rest.call('GET', '/admin/me', { headers: { cookie: `saubh_token=${sso}` } })
    await post('validate', { token: sso })
    const metrics = (await rest.call('GET', '/metrics')).text
    await eventually(() =>
      expect(lines.filter((line) => line.includes('/api/auth/')).length).toBeGreaterThan(6),
    )
    const all = lines.join('\n') + metrics
    for (const secret of [
      'canary',
      body.token,
      body.refreshToken,
      next.body.token,
      next.body.refreshToken,
      sso,
      hash,
    ])
      expect(all).not.toContain(secret)
  })

  test('S34 metrics tell of no tenant, person, number or address, and the probes of no version or server', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const { tenant, actor } = await hub.signIn('admin', { sub: 'canary-subject', name: 'Canary Name' })
    await rest.call('GET', '/admin/me', { token: hub.token('admin') })
    await rest.refused('GET', '/admin/canary-path', { token: hub.token('admin') })
    await rest.refused('GET', '/admin/me', { token: 'canary-token' })
    const { text } = await rest.call('GET', '/metrics')
    expect(text).toContain('hub_http_request_seconds')
    for (const secret of [tenant.id, tenant.slug + '"', actor.id, 'canary', 'Canary', '127.0.0.1'])
      expect(text).not.toContain(secret)
    for (const path of ['/health', '/ready']) {
      const probe = (await rest.call('GET', path)).text
      expect(probe).not.toMatch(/\d+\.\d+\.\d+|postgres|127\.0\.0\.1|password/i)
    }
  })
})
