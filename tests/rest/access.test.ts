import { describe, expect, test } from 'vitest'
import { makeApiKey } from '../../src/auth/api-keys.ts'
import { crmProfileView, meView, validateView } from '../../src/contract/rest/identity.ts'
import type { Role } from '../../src/contract/records.ts'
import { openDeps } from '../../src/deps.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'

async function addKey(
  hub: Hub,
  options: { role?: Role; scopes?: string[]; expiresAt?: Date; revoked?: boolean } = {},
) {
  const { key, prefix, hash } = makeApiKey()
  const id = uuidv7()
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    await tx.query(
      `insert into api_keys (tenant_id, id, name, prefix, hash, role, scopes, expires_at, revoked_at)
       values ($1, $2, 'n8n', $3, $4, $5, $6, $7, $8)`,
      [
        tx.tenantId,
        id,
        prefix,
        hash,
        options.role ?? 'agent',
        options.scopes ?? [],
        options.expiresAt ?? null,
        options.revoked ? tx.now : null,
      ],
    )
  })
  return { key, id }
}

interface Me {
  user: { id: string; name: string; role: string; email: string | null; platformUserId: number | null }
  tenant: { id: string; slug: string; name: string }
  permissions: string[]
}

describe('who is there', () => {
  test('[ACC1] GET /admin/me tells the user, the tenant and what the role may do', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const { body } = await rest.call<Me>('GET', '/admin/me', { token: hub.token('agent', { name: 'Ana' }) })
    expect(body).toMatchObject({
      user: { name: 'Ana', role: 'agent', email: null, platformUserId: null },
      tenant: hub.tenant,
    })
    meView.parse(body)
    expect(body.permissions).toContain('message.send')
    expect(body.permissions).not.toContain('channel.manage')
  })

  test('[ACC1] a key comes in as itself, with its role and only its scopes', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const { key, id } = await addKey(hub, { role: 'admin', scopes: ['channel.read'] })
    const { body } = await rest.call<Me>('GET', '/admin/me', { token: key })
    expect(body).toMatchObject({ user: { id, name: 'n8n', role: 'admin' }, permissions: ['channel.read'] })
    expect((await rest.call('GET', '/api/v1/channels', { token: key })).status).toBe(200)
    expect((await rest.refused('GET', '/admin/users', { token: key })).code).toBe('forbidden')
    const validated = await rest.call<{ expiresAt: string | null }>('POST', '/api/auth/validate', {
      token: key,
    })
    validateView.parse(validated.body)
    expect(validated.body.expiresAt).toBeNull()
  })

  test('[ACC1] S29 a key that is revoked, over or unknown does not come in', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const revoked = await addKey(hub, { revoked: true })
    const over = await addKey(hub, { expiresAt: new Date(Date.now() - 1000) })
    const answers = await Promise.all(
      [revoked.key, makeApiKey().key].map(async (token) => {
        const {
          headers: _headers,
          requestId: _id,
          ...body
        } = await rest.refused('GET', '/admin/me', { token })
        return body
      }),
    )
    expect(answers[0]).toEqual(answers[1])
    expect((await rest.refused('GET', '/admin/me', { token: over.key })).code).toBe('token_expired')
  })

  test('[ACC1] disabled users and suspended tenants are told so', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const ana = await hub.signIn('agent', { sub: 'ana' })
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(`update users set status = 'disabled' where id = $1`, [ana.actor.id]).then(() => {}),
    )
    expect((await rest.refused('GET', '/admin/me', { token: ana.token })).code).toBe('user_disabled')
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(`update tenants set status = 'suspended'`).then(() => {}),
    )
    expect((await rest.refused('GET', '/admin/me', { token: hub.token('admin') })).code).toBe(
      'tenant_suspended',
    )
  })
})

describe('what is remembered at the door', () => {
  test('[ACC8] a remembered caller costs no transaction: the database is not asked who it is', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const { token } = await hub.signIn('agent')
    expect((await rest.call('GET', '/admin/me', { token })).status).toBe(200)
    // Whoever wanted a connection now would wait in vain.
    const held = await Promise.all(
      Array.from({ length: hub.config.DATABASE_POOL }, () => hub.deps.db.write.connect()),
    )
    try {
      expect((await rest.call('GET', '/admin/me', { token })).status).toBe(200)
    } finally {
      for (const client of held) client.release()
    }
  })

  test('[ACC8] a user who is disabled is out within 5 s, wherever the change was made', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const elsewhere = openDeps(hub.config, 'elsewhere')
    hub.onClose(() => elsewhere.close())
    const ana = await hub.signIn('agent', { sub: 'ana' })
    const bob = await hub.signIn('agent', { sub: 'bob' })
    for (const { token } of [ana, bob])
      expect((await rest.call('GET', '/admin/me', { token })).status).toBe(200)
    await inTenant(elsewhere, hub.tenant.id, async (tx) => {
      await tx.query(`update users set status = 'disabled' where id = $1`, [ana.actor.id])
      tx.record(
        'user.disabled',
        {
          user: {
            id: ana.actor.id,
            email: null,
            name: 'ana',
            role: 'agent',
            status: 'disabled',
            platformUserId: null,
            version: 2,
          },
        },
        { kind: 'tenant' },
      )
    })
    await eventually(
      async () => expect((await rest.call('GET', '/admin/me', { token: ana.token })).status).toBe(403),
      5000,
    )
    expect((await rest.call('GET', '/admin/me', { token: bob.token })).status).toBe(200)
  })
})

describe('users', () => {
  test('[TEN4] the list holds the own tenant, by name, page by page, filtered by words of the contract', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const other = await hub.addTenant()
    await hub.signIn('agent', { sub: 'stranger', tenant: other.slug })
    for (const name of ['Cem', 'Ana', 'Bob', 'Ana'])
      await hub.signIn('agent', { sub: `${name}-${uuidv7()}`, name })
    const token = hub.token('admin', { name: 'Zoe' })
    const names: string[] = []
    let cursor: string | null = null
    do {
      const path: string = `/admin/users?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`
      const { body } = await rest.call<{ data: { name: string }[]; nextCursor: string | null }>('GET', path, {
        token,
      })
      names.push(...body.data.map((user) => user.name))
      cursor = body.nextCursor
    } while (cursor !== null)
    expect(names).toEqual(['Ana', 'Ana', 'Bob', 'Cem', 'Zoe'])
    const admins = await rest.call<{ data: unknown[] }>('GET', '/admin/users?role=admin', { token })
    expect(admins.body.data).toEqual([
      expect.objectContaining({ name: 'Zoe', role: 'admin', status: 'active' }),
    ])
  })

  test("[TEN4] the platform finds its own user's profile, and no other tenant's", async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const other = await hub.addTenant()
    const ana = await hub.signIn('agent', { sub: 'ana', name: 'Ana' })
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query('update users set platform_user_id = 4711 where id = $1', [ana.actor.id]).then(() => {}),
    )
    const found = await rest.call('GET', '/api/users/4711/crm-profile', { token: hub.token('agent') })
    crmProfileView.parse(found.body)
    expect(found.body).toMatchObject({
      user: { id: ana.actor.id, name: 'Ana', platformUserId: 4711 },
      tenant: { slug: 'main' },
    })
    for (const [path, token] of [
      ['/api/users/4712/crm-profile', hub.token('agent')],
      ['/api/users/4711/crm-profile', hub.token('admin', { tenant: other.slug })],
      ['/api/users/04711/crm-profile', hub.token('agent')],
    ] as const)
      expect((await rest.refused('GET', path, { token })).code).toBe('not_found')
  })
})

describe('floods', () => {
  test('[REST8] S28 a caller has so many requests a minute and not one more; others are not touched', async () => {
    await using hub = await startHub({ REST_RATE_PER_MINUTE: '10' })
    const rest = await startRestOf(hub)
    const token = hub.token('agent')
    await untilEarlyInTheMinute()
    const statuses: number[] = []
    for (let n = 0; n < 11; n++) statuses.push((await rest.call('GET', '/admin/me', { token })).status)
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429])
    const refused = await rest.refused('GET', '/admin/me', { token })
    expect(refused).toMatchObject({
      code: 'rate_limited',
      then: 'later',
      details: { retryAfterMs: expect.any(Number) },
    })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(
      (await rest.call('GET', '/admin/me', { token: hub.token('agent', { sub: 'other' }) })).status,
    ).toBe(200)
  })

  test('[REST8] S28 an address that fails at the door is limited, whatever it says where it comes from', async () => {
    await using hub = await startHub({ REST_IP_RATE_PER_MINUTE: '10' })
    const rest = await startRestOf(hub)
    await untilEarlyInTheMinute()
    const statuses: number[] = []
    for (let n = 0; n < 12; n++)
      statuses.push(
        (
          await rest.call('GET', '/admin/me', {
            token: `x${n}`,
            headers: { 'x-forwarded-for': `10.0.0.${n}`, forwarded: `for=10.0.0.${n}` },
          })
        ).status,
      )
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429])
  })

  test('[REST8] S28 behind a listed proxy the address is the one that it tells', async () => {
    await using hub = await startHub({ REST_IP_RATE_PER_MINUTE: '2', TRUST_PROXY: '127.0.0.1' })
    const rest = await startRestOf(hub)
    await untilEarlyInTheMinute()
    const from = async (address: string) =>
      (await rest.call('GET', '/admin/me', { headers: { 'x-forwarded-for': address } })).status
    expect([await from('10.0.0.1'), await from('10.0.0.1'), await from('10.0.0.1')]).toEqual([401, 401, 429])
    expect(await from('10.0.0.2')).toBe(401)
    // What the customer wrote before the proxy's own entry is not believed.
    expect(await from('10.0.0.9, 10.0.0.1')).toBe(429)
  })

  test('[REST8] S28 instances count together through Redis', async () => {
    await using hub = await startHub({ REST_RATE_PER_MINUTE: '40' })
    const elsewhere = { ...hub, deps: openDeps(hub.config, 'elsewhere') }
    hub.onClose(() => elsewhere.deps.close())
    const [here, there] = [await startRestOf(hub), await startRestOf(elsewhere)]
    const token = hub.token('agent')
    await untilEarlyInTheMinute()
    for (let n = 0; n < 40; n++) expect((await here.call('GET', '/admin/me', { token })).status).toBe(200)
    let served = 0
    await eventually(async () => {
      const { status } = await there.call('GET', '/admin/me', { token })
      if (status === 200) served += 1
      expect(status).toBe(429)
    })
    // What passes in the 50 ms before the two have compared; alone it would be all 40.
    expect(served).toBeLessThan(20)
  })

  test('[REST8] S28 without Redis an instance counts alone', async () => {
    await using hub = await startHub({ REST_RATE_PER_MINUTE: '10', REDIS_URL: 'redis://127.0.0.1:1' })
    const rest = await startRestOf(hub)
    const token = hub.token('agent')
    await untilEarlyInTheMinute()
    const statuses: number[] = []
    for (let n = 0; n < 11; n++) statuses.push((await rest.call('GET', '/admin/me', { token })).status)
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429])
  })
})

/** The windows of the limits are minutes of the clock; a test must not straddle two. */
async function untilEarlyInTheMinute(): Promise<void> {
  await eventually(() => expect(Date.now() % 60_000).toBeLessThan(50_000), 15_000)
}
