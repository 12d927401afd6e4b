import { expect, test } from 'vitest'
import { keyView } from '../../src/contract/access.ts'
import type { KeyView } from '../../src/contract/access.ts'
import { newKeyView } from '../../src/contract/rest/access.ts'
import { asSuperuser } from '../cli/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { startGatewayHub } from '../gateway/setup.ts'

interface One<T> {
  data: T
}
type NewKey = KeyView & { key: string | null }

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
    rest.call<One<KeyView>>('POST', `/admin/api-keys/${id}/revoke`, { token: admin, json: {} })
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
  const list = await rest.call<{ data: KeyView[] }>('GET', '/admin/api-keys', { token: admin })
  expect(list.body.data.map((one) => keyView.parse(one).id)).toEqual([made.id])
  const one = await rest.call<One<KeyView>>('GET', `/admin/api-keys/${made.id}`, { token: admin })
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
