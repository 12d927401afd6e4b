import { expect, test } from 'vitest'
import { type KeyDetail, keyDetail } from '../../src/contract/access.ts'
import { newKeyView } from '../../src/contract/rest/access.ts'
import { asSuperuser, cli, cliJson } from '../cli/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { startGatewayHub } from '../gateway/setup.ts'

interface One<T> {
  data: T
}
type NewKey = KeyDetail & { key: string | null }

async function begin(more: Record<string, string> = {}) {
  const hub = await startGatewayHub(more)
  const rest = await startRestOf(hub)
  const admin = (await hub.signIn('admin')).token
  const make = async (json: object, headers: Record<string, string> = {}): Promise<NewKey> => {
    const { status, body } = await rest.call<One<NewKey>>('POST', '/admin/api-keys', {
      token: admin,
      json,
      headers,
    })
    expect(status).toBe(201)
    return newKeyView.parse(body.data)
  }
  const revoke = (id: string) =>
    rest.call<One<KeyDetail>>('POST', `/admin/api-keys/${id}/revoke`, { token: admin, json: {} })
  return { hub, rest, admin, make, revoke }
}

test('[RGT8] a key is shown when it is made and never again: not in lists, the log, the trail, the database or a repeat', async () => {
  const { hub, rest, admin, make } = await begin()
  await using _ = hub
  const json = { name: 'n8n', role: 'agent', scopes: ['conversation.read'], ratePerMinute: 60 }
  const once = { 'idempotency-key': 'make-a-key' }
  const made = await make(json, once)
  const key = made.key ?? ''
  expect(key).toMatch(/^sb_[A-Za-z0-9_-]{43}$/)
  const repeated = await make(json, once)
  expect(repeated).toEqual({ ...made, key: null })
  const list = await rest.call<{ data: KeyDetail[] }>('GET', '/admin/api-keys', { token: admin })
  expect(list.body.data.map((one) => keyDetail.parse(one).id)).toEqual([made.id])
  const one = await rest.call<One<KeyDetail>>('GET', `/admin/api-keys/${made.id}`, { token: admin })
  expect(one.body.data).toMatchObject({
    prefix: key.slice(0, 11),
    scopes: json.scopes,
    ratePerMinute: 60,
    lastUsedAt: null,
  })
  expect(list.text + one.text).not.toContain(key)
  const hits = await asSuperuser(hub, async (query) => {
    const { rows } = await query(
      `select relname as name from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'r'`,
    )
    const found: string[] = []
    for (const { name } of rows as { name: string }[]) {
      const { rowCount } = await query(
        `select 1 from "${name}" t where t::text like '%' || $1 || '%' limit 1`,
        [key],
      )
      if (rowCount !== 0) found.push(name)
    }
    return found
  })
  expect(hits).toEqual([])
  for (const role of ['viewer', 'agent', 'manager'] as const) {
    const token = hub.token(role)
    expect((await rest.call('GET', '/admin/api-keys', { token })).status).toBe(403)
    expect((await rest.call('POST', '/admin/api-keys', { token, json })).status).toBe(403)
  }
})

test('[RGT4] a key makes none that outlives it or may ask more often, so that it does not live on in its own likeness', async () => {
  const { hub, rest, make } = await begin()
  await using _ = hub
  const json = { name: 'keys', role: 'admin', scopes: ['key.manage'] }
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  const later = new Date(Date.now() + 3_601_000).toISOString()
  const token = (await make({ ...json, expiresAt, ratePerMinute: 60 })).key ?? ''
  const asked = async (more: object) =>
    (await rest.call('POST', '/admin/api-keys', { token, json: { ...json, ...more } })).status
  expect(await asked({ expiresAt, ratePerMinute: 60 })).toBe(201)
  expect(await asked({ expiresAt: later, ratePerMinute: 60 })).toBe(403)
  expect(await asked({ ratePerMinute: 60 })).toBe(403)
  expect(await asked({ expiresAt, ratePerMinute: 61 })).toBe(403)
  expect(await asked({ expiresAt })).toBe(403)
})

test('[RGT18] a key lives on without its maker, and shows who that was and what became of them', async () => {
  const { hub, rest, admin, make } = await begin()
  await using _ = hub
  const boss = await hub.signIn('admin', { sub: 'boss' })
  const call = <T>(method: string, path: string, token: string, json?: object) =>
    rest.call<One<T>>(method, path, { token, ...(json && { json }) })
  const first = await call<NewKey>('POST', '/admin/api-keys', boss.token, { name: 'n8n', role: 'admin' })
  const { id, key, createdBy } = newKeyView.parse(first.body.data)
  const maker = { kind: 'user', id: boss.actor.id, name: 'boss', role: 'admin', status: 'active' }
  expect(createdBy).toEqual(maker)
  const second = await call<NewKey>('POST', '/admin/api-keys', key ?? '', { name: 'child', role: 'viewer' })
  const byKey = { kind: 'key', id, name: 'n8n', role: 'admin', status: 'active' }
  expect(second.body.data.createdBy).toEqual(byKey)
  const mine = await make({ name: 'mine', role: 'viewer' })

  expect((await call('POST', `/admin/users/${boss.actor.id}/disable`, admin, {})).status).toBe(200)
  expect((await call('GET', '/admin/me', key ?? '')).status).toBe(200)
  const socket = hub.connect({ token: key ?? '' })
  await socket.next('caught-up')
  const makerOf = async (one: string) =>
    (await call<KeyDetail>('GET', `/admin/api-keys/${one}`, admin)).body.data.createdBy
  expect(await makerOf(id)).toEqual({ ...maker, status: 'disabled' })
  expect(await makerOf(second.body.data.id)).toEqual(byKey)

  // Whoever shuts somebody out finds what they made.
  const of = async (createdBy: string) => {
    const path = `/admin/api-keys?createdBy=${createdBy}`
    const { body } = await rest.call<{ data: KeyDetail[] }>('GET', path, { token: admin })
    return body.data.map((one) => keyDetail.parse(one).id)
  }
  expect(await of(boss.actor.id)).toEqual([id])
  expect(await of(id)).toEqual([second.body.data.id])
  expect(await of(crypto.randomUUID())).toEqual([])
  await call('POST', `/admin/users/${boss.actor.id}/enable`, admin, {})
  await call('PATCH', `/admin/users/${boss.actor.id}`, admin, { role: 'viewer', name: 'Boss' })
  expect(await makerOf(id)).toEqual({ ...maker, role: 'viewer', name: 'Boss' })
  await call('POST', `/admin/api-keys/${id}/revoke`, admin, {})
  expect(await makerOf(second.body.data.id)).toEqual({ ...byKey, status: 'revoked' })

  // One from before makers were kept.
  await asSuperuser(hub, (query) =>
    query('update api_keys set maker_kind = null, maker_id = null, maker_name = null where id = $1', [
      mine.id,
    ]),
  )
  expect(await makerOf(mine.id)).toBeNull()
  const line = await cliJson<{ id: string }>(
    hub.environment,
    ...'key create --tenant main --name cli --role viewer'.split(' '),
  )
  expect(await makerOf(line.answer.id)).toMatchObject({
    kind: 'system',
    id: null,
    name: expect.stringMatching(/^operator /),
    role: null,
    status: null,
  })
  const listed = await cli(hub.environment, 'key', 'list', '--tenant', 'main')
  expect(listed.stdout).toContain('n8n (revoked)')
})

test('[RGT4] a key ends keys that may do no more than itself, and itself; only one without scopes ends an admin’s', async () => {
  const { hub, rest, make } = await begin()
  await using _ = hub
  const scoped = await make({ name: 'keys', role: 'admin', scopes: ['key.manage', 'user.read'] })
  const whole = await make({ name: 'whole', role: 'admin' })
  const others = {
    admin: await make({ name: 'admin', role: 'admin' }),
    agent: await make({ name: 'agent', role: 'agent' }),
    other: await make({ name: 'other', role: 'viewer', scopes: ['record.read'] }),
    less: await make({ name: 'less', role: 'viewer', scopes: ['user.read'] }),
  }
  const revoke = async (by: NewKey, one: NewKey) =>
    (await rest.call('POST', `/admin/api-keys/${one.id}/revoke`, { token: by.key ?? '', json: {} })).status
  for (const one of [others.admin, others.agent, others.other]) expect(await revoke(scoped, one)).toBe(403)
  expect(await revoke(scoped, others.less)).toBe(200)
  for (const one of [others.admin, others.agent]) expect(await revoke(whole, one)).toBe(200)
  expect(await revoke(scoped, scoped)).toBe(200)
})

test('[RGT4] as many scopes as there are make no key that is an admin: it makes and ends none without scopes', async () => {
  const { hub, rest, admin, make } = await begin()
  await using _ = hub
  const me = await rest.call<{ permissions: string[] }>('GET', '/admin/me', { token: admin })
  const scopes = me.body.permissions
  const all = await make({ name: 'all', role: 'admin', scopes })
  const whole = await make({ name: 'whole', role: 'admin' })
  const token = all.key ?? ''
  const asked = async (json: object) =>
    (await rest.call('POST', '/admin/api-keys', { token, json: { name: 'x', role: 'admin', ...json } }))
      .status
  expect(await asked({})).toBe(403)
  expect(await asked({ scopes })).toBe(201)
  expect(await asked({ role: 'manager' })).toBe(201)
  expect((await rest.call('POST', `/admin/api-keys/${whole.id}/revoke`, { token, json: {} })).status).toBe(
    403,
  )
})

test('[RGT8] what a key cannot be is refused by name; there are as many living keys as allowed', async () => {
  const { hub, rest, admin, make, revoke } = await begin({ TENANT_API_KEYS: '2' })
  await using _ = hub
  for (const [json, pointer] of [
    [{ name: '', role: 'agent' }, '/name'],
    [{ name: 'x', role: 'owner' }, '/role'],
    [{ name: 'x', role: 'agent', scopes: ['everything'] }, '/scopes'],
    [{ name: 'x', role: 'agent', expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt'],
    [{ name: 'x', role: 'agent', ratePerMinute: 0 }, '/ratePerMinute'],
    [{ name: 'x', role: 'agent', hash: 'x' }, '/hash'],
  ] as const) {
    const problem = await rest.refused('POST', '/admin/api-keys', { token: admin, json })
    expect([problem.code, problem.errors?.[0]?.pointer]).toEqual(['validation_failed', pointer])
  }
  const first = await make({ name: 'a', role: 'viewer' })
  await make({ name: 'b', role: 'viewer' })
  const more = { token: admin, json: { name: 'c', role: 'viewer' } }
  expect((await rest.refused('POST', '/admin/api-keys', more)).code).toBe('limit_reached')
  await revoke(first.id)
  await make({ name: 'c', role: 'viewer' })
})

test('[RGT8] [GW11] a key that is revoked is out within 5 s: over REST, where it is remembered too, and on open sockets', async () => {
  const { hub, rest, admin, make, revoke } = await begin()
  await using _ = hub
  const made = await make({ name: 'n8n', role: 'admin' })
  const token = made.key ?? ''
  const socket = hub.connect({ token })
  await socket.next('caught-up')
  const other = hub.connect({ token: admin })
  await other.next('caught-up')
  expect((await rest.call('GET', '/admin/me', { token })).status).toBe(200)
  const at = performance.now()
  const revoked = await revoke(made.id)
  expect(revoked.body.data.revokedAt).not.toBeNull()
  expect(await socket.next('bye')).toMatchObject({ code: 'access_revoked', reconnect: false })
  await eventually(
    async () => expect((await rest.call('GET', '/admin/me', { token })).status).toBe(401),
    5000,
  )
  expect(performance.now() - at).toBeLessThan(5000)
  expect(await hub.connect({ token }).next('connect_error')).toMatchObject({ code: 'unauthorized' })
  expect((await revoke(made.id)).body.data).toEqual(revoked.body.data)
  await other.next('key.revoked')
  expect(other.of('bye')).toEqual([])
})

test('[RGT9] a key with a rate of its own has so many requests a minute and no more, and so many commands', async () => {
  const { hub, rest, make } = await begin()
  await using _ = hub
  const { key } = await make({ name: 'slow', role: 'admin', ratePerMinute: 3 })
  const { key: free } = await make({ name: 'free', role: 'admin' })
  const ask = (token: string | null) => rest.call('GET', '/admin/me', { token: token ?? '' })
  const statuses: number[] = []
  // A minute may end in the middle: then it begins anew, once.
  for (let n = 0; n < 8; n++) statuses.push((await ask(key)).status)
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(2)
  expect(statuses.slice(0, 3)).toContain(200)
  for (let n = 0; n < 8; n++) expect((await ask(free)).status).toBe(200)
  const socket = hub.connect({ token: key ?? '' })
  await socket.next('caught-up')
  const read = { conversationId: crypto.randomUUID(), seq: 1 }
  const acks = [
    await socket.send('conversation.read', read),
    await socket.send('conversation.read', read),
    await socket.send('conversation.read', read),
  ]
  expect(acks.every(({ ok }) => ok)).toBe(true)
  expect(await socket.send('conversation.read', read)).toMatchObject({
    ok: false,
    error: { code: 'rate_limited' },
  })
})
