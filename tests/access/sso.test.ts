import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authenticate } from '../../src/auth/authenticate.ts'
import { readTenant } from '../../src/log/read-tenant.ts'
import { asSuperuser } from '../cli/cli.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { issued, platformToken } from './platform.ts'

interface Me {
  user: { id: string; name: string; email: string | null; role: string; platformUserId: number | null }
  tenant: { id: string; slug: string; name: string }
}

const rowsOf = async <Row>(hub: Hub, text: string): Promise<Row[]> =>
  (await asSuperuser(hub, (query) => query(text))).rows as Row[]

const countsOf = async (hub: Hub) =>
  (
    await rowsOf<{ tenants: number; users: number; stages: number; pipelines: number; joined: number }>(
      hub,
      `select (select count(*)::int from tenants) as tenants, (select count(*)::int from users) as users,
         (select count(*)::int from pipeline_stages) as stages, (select count(*)::int from pipelines) as pipelines,
         (select count(*)::int from events where type = 'user.joined') as joined`,
    )
  )[0]

describe('who comes in from the platform', () => {
  test('[SSO1] an owner is admin of a tenant of their own, with pipeline and stages; by bearer and by cookie', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const token = platformToken({ userid: 100 })
    const first = await rest.call<Me>('GET', '/admin/me', { token })
    expect(first.status, first.text).toBe(200)
    expect(first.body).toMatchObject({
      user: { name: 'Asha', email: 'asha@bakery.example', role: 'admin', platformUserId: 100 },
      tenant: { slug: 'business-100', name: 'Asha' },
    })
    const cookie = { cookie: `a=b; saubh_token=${token}` }
    expect((await rest.call<Me>('GET', '/admin/me', { headers: cookie })).body).toEqual(first.body)
    const stages = await rest.call<{ data: { name: string }[] }>('GET', '/admin/pipeline-stages', { token })
    expect(stages.body.data.map(({ name }) => name)).toEqual([
      'New',
      'Qualified',
      'Proposal',
      'Negotiation',
      'Won',
      'Lost',
    ])
    expect(
      await rowsOf(hub, `select action from audit_logs where tenant_id = '${first.body.tenant.id}'`),
    ).toContainEqual({ action: 'tenant.create' })
  })

  test.each([
    ['SA', 'admin'],
    ['AD', 'admin'],
  ])('[SSO1] staff of the platform (%s) is %s of the tenant of the installation', async (usertype, role) => {
    await using hub = await startHub()
    const { actor, tenant } = await authenticate(hub.deps, platformToken({ usertype }))
    expect({ role: actor.role, tenant: tenant.id }).toEqual({ role, tenant: hub.tenant.id })
  })

  test('[SSO1] a client is viewer in the tenant of the business that it is linked to', async () => {
    await using hub = await startHub()
    const owner = await authenticate(hub.deps, platformToken({ userid: 100 }))
    const client = await authenticate(
      hub.deps,
      platformToken({ userid: 200, usertype: 'CL', businessid: 100, name: 'Cem', email: undefined }),
    )
    expect(client).toMatchObject({
      tenant: owner.tenant,
      actor: { role: 'viewer', name: 'Cem', email: null },
    })
  })

  test('[SSO1] businesses with a number of their own are known by it, and an owner’s number is not taken for one', async () => {
    await using hub = await startHub()
    const bakery = await authenticate(hub.deps, platformToken({ userid: 100, businessid: 500 }))
    const partner = await authenticate(hub.deps, platformToken({ userid: 101, businessid: '500' }))
    expect(partner).toMatchObject({ tenant: bakery.tenant, actor: { role: 'admin' } })
    const client = (businessid: unknown) =>
      authenticate(hub.deps, platformToken({ userid: 200, usertype: 'CL', businessid }))
    expect((await client(500)).tenant).toEqual(bakery.tenant)
    // 100 is a person; the business 100, if there is one, is another.
    await expect(client(100)).rejects.toMatchObject({ code: 'business_unknown' })
    const second = await authenticate(hub.deps, platformToken({ userid: 100, businessid: 501, ...issued(2) }))
    expect(second.tenant.slug).toBe('business-501')
  })

  test('[SSO1] an owner whose business gets a number keeps the tenant', async () => {
    await using hub = await startHub()
    const before = await authenticate(hub.deps, platformToken({ userid: 100 }))
    const after = await authenticate(hub.deps, platformToken({ userid: 100, businessid: 500 }))
    expect(after.tenant).toEqual(before.tenant)
    const client = platformToken({ userid: 200, usertype: 'CL', businessid: 500 })
    expect((await authenticate(hub.deps, client)).tenant).toEqual(before.tenant)
  })

  test('[SSO1] a slug that an operator gave away already does not keep an owner out', async () => {
    await using hub = await startHub()
    const taken = await hub.addTenant('business-100')
    const { tenant } = await authenticate(hub.deps, platformToken({ userid: 100 }))
    expect(tenant.slug).toMatch(/^business-100-[0-9a-f]{8}$/)
    expect(tenant.id).not.toBe(taken.id)
  })

  test('[SSO1] somebody without a name is called by their address, else by their number', async () => {
    await using hub = await startHub()
    const nameOf = async (more: object) =>
      (await authenticate(hub.deps, platformToken({ usertype: 'SA', name: null, ...more }))).actor.name
    expect(await nameOf({ userid: 1 })).toBe('asha@bakery.example')
    expect(await nameOf({ userid: 2, email: '' })).toBe('919876543210')
    expect(await nameOf({ userid: 3, email: null, whatsapp: null })).toBe('3')
  })
})

describe('who does not', () => {
  let hub: Hub
  let rest: RestClient
  beforeAll(async () => {
    hub = await startHub()
    rest = await startRestOf(hub)
  })
  afterAll(() => hub[Symbol.asyncDispose]())

  test.each([
    [{ status: 'I' }, 'account_inactive'],
    [{ status: 'S' }, 'account_inactive'],
    [{ status: 'D' }, 'account_inactive'],
    [{ status: 'Z' }, 'account_inactive'],
    [{ usertype: 'GW' }, 'usertype_denied'],
    [{ usertype: 'XX' }, 'usertype_denied'],
    [{ usertype: 'CL' }, 'business_unknown'],
    [{ usertype: 'CL', businessid: 999 }, 'business_unknown'],
  ])('[SSO2] %j is told %s with 403, and nothing is made', async (claims, code) => {
    const before = await countsOf(hub)
    const token = platformToken(claims)
    expect(await rest.refused('GET', '/admin/me', { token })).toMatchObject({
      status: 403,
      code,
      then: 'stop',
    })
    expect(await rest.refused('POST', '/api/auth/validate', { json: { token } })).toMatchObject({
      status: 403,
      code,
    })
    expect(await countsOf(hub)).toEqual(before)
  })

  test.each([
    { userid: undefined },
    { userid: null },
    { userid: 0 },
    { userid: -1 },
    { userid: 1.5 },
    { userid: '01' },
    { userid: '1; drop table users' },
    { userid: [1] },
    { userid: { $ne: 1 } },
    { userid: 2 ** 53 },
    { userid: '99999999999999999999' },
    { usertype: undefined },
    { usertype: 'bo' },
    { usertype: ['SA'] },
    { usertype: '' },
    { status: undefined },
    { status: 'a' },
    { status: true },
    { status: ['A'] },
    { businessid: 'x' },
    { businessid: [100] },
    { name: {} },
    { email: 5 },
    { exp: undefined },
    { iss: 'someone' },
    { iss: undefined },
    { iss: 'cms' },
  ])('[SSO2] %j is a bad token: 401, and nothing is made', async (claims) => {
    const before = await countsOf(hub)
    await expect(authenticate(hub.deps, platformToken(claims))).rejects.toMatchObject({
      code: 'unauthorized',
    })
    expect(await countsOf(hub)).toEqual(before)
  })

  test('[SSO2] a role in a token of the platform means nothing, and a usertype in one of the CMS neither', async () => {
    await authenticate(hub.deps, platformToken({ userid: 100 }))
    const client = { userid: 200, usertype: 'CL', businessid: 100, role: 'admin', tenant_id: 'main' }
    const entry = await authenticate(hub.deps, platformToken(client))
    expect(entry).toMatchObject({ actor: { role: 'viewer' }, tenant: { slug: 'business-100' } })
    const cms = platformToken({ iss: 'cms', sub: 'ana', role: 'agent', usertype: 'SA' })
    expect((await authenticate(hub.deps, cms)).actor.role).toBe('agent')
  })

  test('[SSO2] an account that is disabled here stays out until somebody here lets it in; a suspended tenant too', async () => {
    const { actor, tenant } = await authenticate(hub.deps, platformToken({ userid: 300 }))
    await asSuperuser(hub, (query) => query(`update users set status = 'disabled' where id = $1`, [actor.id]))
    const later = platformToken({ userid: 300, ...issued(2) })
    await expect(authenticate(hub.deps, later)).rejects.toMatchObject({ code: 'user_disabled' })
    await asSuperuser(hub, async (query) => {
      await query(`update users set status = 'active' where id = $1`, [actor.id])
      await query(`update tenants set status = 'suspended' where id = $1`, [tenant.id])
    })
    await expect(authenticate(hub.deps, later)).rejects.toMatchObject({ code: 'tenant_suspended' })
  })
})

describe('many at once', () => {
  test('[SSO3] fifty first requests of an owner make one user and one tenant with one set of stages', async () => {
    await using hub = await startHub()
    const before = await countsOf(hub)
    const entries = await Promise.all(
      Array.from({ length: 50 }, (_, n) => authenticate(hub.deps, platformToken({ jti: n }))),
    )
    expect(new Set(entries.map(({ actor }) => actor.id)).size).toBe(1)
    expect(new Set(entries.map(({ tenant }) => tenant.id)).size).toBe(1)
    const after = await countsOf(hub)
    expect({
      tenants: (after?.tenants ?? 0) - (before?.tenants ?? 0),
      users: (after?.users ?? 0) - (before?.users ?? 0),
      pipelines: (after?.pipelines ?? 0) - (before?.pipelines ?? 0),
      stages: (after?.stages ?? 0) - (before?.stages ?? 0),
      joined: (after?.joined ?? 0) - (before?.joined ?? 0),
    }).toEqual({ tenants: 1, users: 1, pipelines: 1, stages: 6, joined: 1 })
  })

  test('[SSO3] fifty requests of ten owners and their clients, through two servers: nobody twice, everybody in their place', async () => {
    await using hub = await startHub()
    const [here, there] = [await startRestOf(hub), await startRestOf(hub)]
    const owners = Array.from({ length: 10 }, (_, n) => 1000 + n)
    const ask = (n: number, token: string) => (n % 2 ? here : there).call<Me>('GET', '/admin/me', { token })
    const first = await Promise.all(
      owners.flatMap((userid) => [0, 1, 2].map((n) => ask(n, platformToken({ userid, jti: n })))),
    )
    expect(first.map(({ status }) => status)).toEqual(first.map(() => 200))
    const clients = await Promise.all(
      owners.flatMap((businessid) =>
        [0, 1].map((n) =>
          ask(n, platformToken({ userid: businessid + 5000, usertype: 'CL', businessid, jti: n })),
        ),
      ),
    )
    for (const { body } of clients)
      expect(body).toMatchObject({
        user: { role: 'viewer' },
        tenant: { slug: `business-${(body.user.platformUserId ?? 0) - 5000}` },
      })
    expect(
      await rowsOf(hub, 'select count(*)::int as n from users where platform_user_id is not null'),
    ).toEqual([{ n: 20 }])
  })
})

describe('what the platform says later', () => {
  test('[SSO4] a new name, address and usertype take effect, and screens hear of it', async () => {
    await using hub = await startHub()
    await authenticate(hub.deps, platformToken({ userid: 100 }))
    const before = await authenticate(
      hub.deps,
      platformToken({ userid: 200, usertype: 'CL', businessid: 100, name: 'Old', email: 'old@x.example' }),
    )
    const later = { name: 'New', email: 'new@x.example', ...issued(1) }
    const after = await authenticate(
      hub.deps,
      platformToken({ userid: 200, usertype: 'CL', businessid: 100, ...later }),
    )
    expect(after.actor).toMatchObject({
      id: before.actor.id,
      name: 'New',
      email: 'new@x.example',
      role: 'viewer',
    })
    const events = await readTenant(hub.deps, after.tenant.id, (query) =>
      query<{ name: string }>(
        `select payload->'user'->>'name' as name from events where type = 'user.updated'`,
      ),
    )
    expect(events).toEqual([{ name: 'New' }])
  })

  test('[SSO4] a token that is older than the newest takes nothing back, and still says who it is', async () => {
    await using hub = await startHub()
    const old = platformToken({ usertype: 'SA', name: 'Old', ...issued(-60) })
    await authenticate(hub.deps, old)
    const fresh = platformToken({ usertype: 'SA', name: 'New' })
    expect((await authenticate(hub.deps, fresh)).actor.name).toBe('New')
    expect((await authenticate(hub.deps, old)).actor.name).toBe('New')
    expect((await authenticate(hub.deps, fresh)).actor.name).toBe('New')
  })

  test('[SSO4] the same holds for tokens of the CMS: who was made an agent is none the less one with an old token', async () => {
    await using hub = await startHub()
    const cms = (role: string, at: number) =>
      platformToken({ iss: 'cms', sub: 'ana', role, usertype: undefined, ...issued(at) })
    const old = cms('admin', -60)
    expect((await authenticate(hub.deps, old)).actor.role).toBe('admin')
    expect((await authenticate(hub.deps, cms('agent', 0))).actor.role).toBe('agent')
    expect((await authenticate(hub.deps, old)).actor.role).toBe('agent')
  })

  test('[SSO4] a client whom the platform links to another business leaves the first one, and old tokens do not lead back', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    for (const userid of [100, 101]) await authenticate(hub.deps, platformToken({ userid }))
    const client = (businessid: number, at: number) =>
      platformToken({ userid: 200, usertype: 'CL', businessid, ...issued(at) })
    const old = client(100, -60)
    const first = await authenticate(hub.deps, old)
    const moved = await authenticate(hub.deps, client(101, 0))
    expect(moved).toMatchObject({ tenant: { slug: 'business-101' }, actor: { role: 'viewer' } })
    expect((await authenticate(hub.deps, old)).tenant).toEqual(moved.tenant)
    expect(
      await rowsOf(hub, `select status, platform_user_id from users where id = '${first.actor.id}'`),
    ).toEqual([{ status: 'disabled', platform_user_id: null }])
    const profile = await rest.call('GET', '/api/users/200/crm-profile', {
      token: platformToken({ userid: 101 }),
    })
    expect(profile.body).toMatchObject({ user: { id: moved.actor.id }, tenant: { slug: 'business-101' } })
    expect(
      (await rest.refused('GET', '/api/users/200/crm-profile', { token: platformToken({ userid: 100 }) }))
        .code,
    ).toBe('not_found')
    // And back again: the same user as before.
    const back = await authenticate(hub.deps, client(100, 3))
    expect(back).toMatchObject({ tenant: first.tenant, actor: { id: first.actor.id } })
  })

  test('[SSO4] a client who becomes an owner gets a tenant of their own', async () => {
    await using hub = await startHub()
    await authenticate(hub.deps, platformToken({ userid: 100 }))
    await authenticate(hub.deps, platformToken({ userid: 200, usertype: 'CL', businessid: 100 }))
    const owner = await authenticate(hub.deps, platformToken({ userid: 200, ...issued(1) }))
    expect(owner).toMatchObject({ tenant: { slug: 'business-200' }, actor: { role: 'admin' } })
  })

  test.each([{ status: 'S' }, { usertype: 'GW' }, { usertype: 'CL', businessid: 999 }])(
    '[SSO4] who becomes %j is out with older tokens too, sockets end, and comes back when the platform says so',
    async (word) => {
      await using hub = await startGatewayHub()
      const old = platformToken({ ...issued(-60) })
      const { actor } = await authenticate(hub.deps, old)
      const socket = hub.connect({ token: old })
      await socket.next('caught-up')
      await expect(authenticate(hub.deps, platformToken(word))).rejects.toMatchObject({
        code: expect.stringMatching(/account_inactive|usertype_denied|business_unknown/),
      })
      expect(await socket.next('bye')).toMatchObject({ code: 'access_revoked', reconnect: false })
      await expect(authenticate(hub.deps, old)).rejects.toMatchObject({ code: 'user_disabled' })
      const again = await authenticate(hub.deps, platformToken(issued(2)))
      expect(again.actor.id).toBe(actor.id)
    },
  )

  test('[SSO4] who was invited by their address is the same user when they come from the platform', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const owner = platformToken({ userid: 100 })
    const invited = await rest.call<{ data: { id: string } }>('POST', '/admin/users', {
      token: owner,
      json: { email: 'cem@bakery.example', role: 'manager' },
    })
    expect(invited.status, invited.text).toBe(201)
    const client = { userid: 200, usertype: 'CL', businessid: 100, email: 'Cem@bakery.example' }
    const { actor } = await authenticate(hub.deps, platformToken(client))
    // The platform decides what they may do.
    expect(actor).toMatchObject({ id: invited.body.data.id, role: 'viewer', platformUserId: 200 })
  })

  test('[SSO4] nobody takes up an invitation by the platform’s word where it does not vouch for addresses', async () => {
    await using hub = await startHub({ EMAIL_ISSUERS: 'cms' })
    const rest = await startRestOf(hub)
    const owner = await authenticate(
      hub.deps,
      platformToken({ usertype: 'SA', userid: 1, email: 'sa@x.example' }),
    )
    const json = { email: 'asha@bakery.example', role: 'viewer' }
    const token = platformToken({ usertype: 'SA', userid: 1, email: 'sa@x.example' })
    const invited = await rest.call<{ data: { id: string } }>('POST', '/admin/users', { token, json })
    expect(invited.status, invited.text).toBe(201)
    const { actor, tenant } = await authenticate(hub.deps, platformToken({ usertype: 'AD', userid: 2 }))
    expect(tenant.id).toBe(owner.tenant.id)
    expect(actor.id).not.toBe(invited.body.data.id)
  })

  test('[SSO4] nor does a token from before the invitation was changed give them the role that they were invited for', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const owner = platformToken({ userid: 100 })
    const client = { userid: 200, usertype: 'CL', businessid: 100, email: 'cem@bakery.example' }
    const early = platformToken({ ...client, iat: Math.floor(Date.now() / 1000) - 60 })
    const invited = await rest.call<{ data: { id: string } }>('POST', '/admin/users', {
      token: owner,
      json: { email: 'cem@bakery.example', role: 'admin' },
    })
    const { id } = invited.body.data
    await rest.call('PATCH', `/admin/users/${id}`, { token: owner, json: { name: 'Cem' } })
    expect((await authenticate(hub.deps, early)).actor).toMatchObject({ id, role: 'viewer' })
  })
})

describe('for the platform', () => {
  test('[SSO5] POST /api/auth/validate knows its tokens by bearer, cookie and body, and says whose they are', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const token = platformToken()
    const expected = {
      valid: true,
      user: { name: 'Asha', role: 'admin', platformUserId: 100 },
      tenant: { slug: 'business-100' },
    }
    const headers = { cookie: `saubh_token=${token}` }
    for (const request of [{ token }, { headers }, { json: { token } }]) {
      const answer = await rest.call('POST', '/api/auth/validate', request)
      expect(answer.status, answer.text).toBe(200)
      expect(answer.body).toMatchObject(expected)
    }
  })

  test('[SSO5] the cookie opens a socket from our own pages, and only from those', async () => {
    await using hub = await startGatewayHub({ CORS_ALLOWED_ORIGINS: 'https://console.example' })
    const connect = (origin: string) =>
      hub.connect({
        auth: { token: undefined },
        headers: { cookie: `saubh_token=${platformToken()}`, origin },
      })
    const hello = await connect('https://console.example').next('hello')
    expect(hello).toMatchObject({ user: { role: 'admin' }, tenant: { slug: 'business-100' } })
    expect(await connect('https://console.example.attacker.example').next('connect_error')).toMatchObject({
      code: 'origin_denied',
    })
  })

  test('[SSO5] the cookie’s name and the issuer are settings, and both secrets of a rotation are good', async () => {
    await using hub = await startHub({
      SSO_COOKIE: 'main_token',
      SSO_ISSUER: 'main-platform',
      JWT_SECRET:
        'the-next-secret-that-is-long-enough-for-hs256,a-secret-of-the-tests-that-is-long-enough-for-hs256',
    })
    const rest = await startRestOf(hub)
    const token = platformToken({ iss: 'main-platform' })
    expect((await rest.call('GET', '/admin/me', { headers: { cookie: `main_token=${token}` } })).status).toBe(
      200,
    )
    expect(
      (await rest.refused('GET', '/admin/me', { headers: { cookie: `saubh_token=${token}` } })).code,
    ).toBe('unauthorized')
    expect((await rest.refused('GET', '/admin/me', { token: platformToken() })).code).toBe('unauthorized')
  })
})
