import { expect, test } from 'vitest'
import { type TenantSettings, tenantSettings } from '../../src/contract/access.ts'
import { createOperatorKey, revokeOperatorKey } from '../../src/domain/operators/operator-keys.ts'
import { sendMessage } from '../../src/domain/messages/send-message.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { startWorkers } from '../../workers/server.ts'
import { asSuperuser, cli, cliJson } from '../cli/cli.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { operations } from '../harness/documents.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { startIntake, textTo } from '../webhooks/intake-hub.ts'
import { platformToken } from './platform.ts'

interface One<T> {
  data: T
}
interface Summary {
  id: string
  slug: string
  status: string
}

const keyOf = async (hub: Hub, expiresAt: Date | null = null) =>
  createOperatorKey(hub.deps, 'tests', { name: 'billing', expiresAt })

const set = (rest: RestClient, token: string, id: string, verb: 'suspend' | 'resume') =>
  rest.call<One<TenantSettings>>('POST', `/operator/tenants/${id}/${verb}`, { token, json: {} })

/** What somebody who is in a tenant, as whatever, can show. */
async function credentialsOf(hub: Hub, rest: RestClient): Promise<Record<string, string>> {
  const admin = (await hub.signIn('admin')).token
  const json = { name: 'whole', role: 'admin' }
  const made = await rest.call<One<{ key: string }>>('POST', '/admin/api-keys', { token: admin, json })
  return {
    admin,
    manager: hub.token('manager'),
    agent: hub.token('agent'),
    viewer: hub.token('viewer'),
    key: made.body.data.key,
    'staff of the platform': platformToken({ usertype: 'SA', userid: 7 }),
    'an owner': platformToken({ usertype: 'BO', userid: 8 }),
  }
}

test('[OPR1] nobody of a tenant does what operators do, not in their own tenant either; what is no credential is 401', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const theirs = operations.filter(({ action }) => action === 'operator')
  expect(theirs.length).toBeGreaterThanOrEqual(5)
  const credentials = await credentialsOf(hub, rest)
  const other = await hub.addTenant()
  for (const { method, path } of theirs)
    for (const id of [hub.tenant.id, other.id]) {
      const ask = (token?: string, headers: Record<string, string> = {}) =>
        rest.refused(method.toUpperCase(), path.replace('{id}', id), {
          ...(token !== undefined && { token }),
          headers,
          ...(method !== 'get' && { json: {} }),
        })
      for (const [name, token] of Object.entries(credentials))
        expect((await ask(token)).code, `${method} ${path} by ${name}`).toBe('forbidden')
      for (const token of [undefined, 'x', `so_${'a'.repeat(43)}`, `sb_${'a'.repeat(43)}`])
        expect((await ask(token)).code, `${method} ${path} with ${token}`).toBe('unauthorized')
    }
  const { rows } = await asSuperuser(hub, (query) => query('select distinct status from tenants'))
  expect(rows).toEqual([{ status: 'active' }])
})

test('[OPR1] an operator’s key is of no tenant: it comes in nowhere else, by no cookie and on no socket', async () => {
  await using hub = await startGatewayHub({ FAILED_AUTH_PER_MINUTE: '100000' })
  const rest = await startRestOf(hub)
  const { key } = await keyOf(hub)
  for (const { method, path, action } of operations) {
    if (action === 'operator' || action === 'public') continue
    const place = path.replaceAll(/\{\w+\}/g, hub.tenant.id)
    const refused = await rest.refused(method.toUpperCase(), place, {
      token: key,
      ...(method !== 'get' && { json: {} }),
    })
    expect(refused.code, `${method} ${path}`).toBe('unauthorized')
  }
  expect((await rest.call('GET', '/operator/tenants', { token: key })).status).toBe(200)
  const cookie = { cookie: `saubh_token=${key}` }
  expect((await rest.call('GET', '/operator/tenants', { headers: cookie })).status).toBe(401)
  expect(await hub.connect({ token: key }).next('connect_error')).toMatchObject({
    code: 'unauthorized',
  })
})

test('[OPR2] an operator lists tenants in pages, shows one and says how much it may have, under If-Match', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const { key: token } = await keyOf(hub)
  const ids = [hub.tenant.id]
  for (const slug of ['b', 'a', 'c']) ids.push((await hub.addTenant(slug)).id)
  await set(rest, token, ids[2] ?? '', 'suspend')
  const page = async (query: string) =>
    (
      await rest.call<{ data: Summary[]; nextCursor: string | null }>('GET', `/operator/tenants${query}`, {
        token,
      })
    ).body
  const first = await page('?limit=3')
  expect(first.data.map(({ slug, status }) => [slug, status])).toEqual([
    ['main', 'active'],
    ['b', 'active'],
    ['a', 'suspended'],
  ])
  const rest_ = await page(`?limit=3&cursor=${first.nextCursor}`)
  expect([rest_.data.map(({ id }) => id), rest_.nextCursor]).toEqual([ids.slice(3), null])
  expect((await page('?status=suspended')).data.map(({ slug }) => slug)).toEqual(['a'])

  const path = `/operator/tenants/${ids[1]}`
  const shown = await rest.call<One<TenantSettings>>('GET', path, { token })
  expect(tenantSettings.parse(shown.body.data)).toMatchObject({ slug: 'b', limits: { users: 1000 } })
  const headers = { 'if-match': shown.headers.get('etag') ?? '' }
  const patch = (limits: object, more: Record<string, string> = {}) =>
    rest.call<One<TenantSettings> & { code?: string }>('PATCH', path, {
      token,
      json: { limits },
      headers: more,
    })
  expect((await patch({ users: 5, teams: 2 }, headers)).body.data.limits).toMatchObject({
    users: 5,
    teams: 2,
  })
  expect((await patch({ users: 6 }, headers)).body.code).toBe('precondition_failed')
  // What is not named stays; null is what all have.
  expect((await patch({ users: null })).body.data.limits).toMatchObject({ users: 1000, teams: 2 })
  for (const json of [{ limits: { users: -1 } }, { limits: { files: 1 } }, { limits: {}, name: 'x' }, {}])
    expect((await rest.refused('PATCH', path, { token, json })).code).toBe('validation_failed')
  for (const id of [uuidv7(), 'main', 'x'])
    for (const [method, at] of [
      ['GET', ''],
      ['PATCH', ''],
      ['POST', '/suspend'],
      ['POST', '/resume'],
    ] as const)
      expect(
        await rest.refused(method, `/operator/tenants/${id}${at}`, {
          token,
          ...(method !== 'GET' && { json: method === 'PATCH' ? { limits: {} } : {} }),
        }),
        `${method} ${id}${at}`,
      ).toMatchObject({ status: 404, code: 'not_found' })
  const { rows } = await asSuperuser(hub, (query) =>
    query(
      `select actor->>'name' as by, action, ip from audit_logs where tenant_id = $1 and action <> 'tenant.create'
           order by number`,
      [ids[1]],
    ),
  )
  expect(rows).toEqual(
    Array(2).fill({ by: 'operator key billing', action: 'tenant.update', ip: '127.0.0.1' }),
  )
})

test('[OPR3] [RGT10] a tenant that is suspended over REST is out within 5 s, on sockets, over REST and in sends; then all goes on', async () => {
  await using hub = await startGatewayHub({ SWEEP_MS: '200', SEND_RATE_PER_SECOND: '1000' })
  const rest = await startRestOf(hub)
  const { key } = await keyOf(hub)
  const other = await hub.addTenant()
  const number = await connectNumber(hub)
  const { actor, token: mine } = await hub.signIn('agent')
  const theirs = (await hub.signIn('agent', { tenant: other.slug })).token
  const sockets = [hub.connect({ token: mine }), hub.connect({ token: theirs })] as const
  for (const socket of sockets) await socket.next('caught-up')
  expect((await rest.call('GET', '/admin/me', { token: mine })).status).toBe(200)
  const conversation = await number.conversation()

  const suspended = await set(rest, key, hub.tenant.id, 'suspend')
  const at = performance.now()
  expect(suspended.body.data).toMatchObject({ status: 'suspended', id: hub.tenant.id })
  expect(suspended.headers.get('etag')).toBeTruthy()
  expect(await sockets[0].next('bye')).toMatchObject({ code: 'access_revoked' })
  const codeOf = async (token: string) =>
    (await rest.call<{ code?: string }>('GET', '/admin/me', { token })).body.code
  await eventually(async () => expect(await codeOf(mine)).toBe('tenant_suspended'), 5000)
  expect(performance.now() - at).toBeLessThan(5000)
  expect(await hub.connect({ token: mine }).next('connect_error')).toMatchObject({ code: 'tenant_suspended' })
  expect(await codeOf(theirs)).toBeUndefined()
  expect(sockets[1].of('bye')).toEqual([])

  // A message that is queued waits, whatever workers there are.
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  const input = {
    conversationId: conversation.id,
    clientMessageId: uuidv7(),
    type: 'text',
    text: 'hello',
  } as const
  await sendMessage(hub.deps, actor, input)
  const neighbour = await connectNumber(hub, { tenant: other.id })
  const open = await neighbour.conversation({ tenantId: other.id, channelId: neighbour.channelId })
  const colleague = (await hub.signIn('agent', { tenant: other.slug })).actor
  await sendMessage(hub.deps, colleague, { ...input, conversationId: open.id, clientMessageId: uuidv7() })
  await eventually(() => expect(neighbour.accepted).toHaveLength(1), 10_000)
  expect(number.arrived).toEqual([])

  expect((await set(rest, key, hub.tenant.id, 'suspend')).status).toBe(200)
  expect((await set(rest, key, hub.tenant.id, 'resume')).body.data.status).toBe('active')
  expect(await codeOf(mine)).toBeUndefined()
  await hub.connect({ token: mine }).next('caught-up')
  await eventually(() => expect(number.accepted).toHaveLength(1), 10_000)
  const { rows } = await asSuperuser(hub, (query) =>
    query(
      `select action, actor, ip, request_id is not null as request, before->>'status' as before, after->>'status' as after
       from audit_logs where action in ('tenant.suspend', 'tenant.resume') order by number`,
    ),
  )
  const by = { actor: { kind: 'system', name: 'operator key billing' }, ip: '127.0.0.1', request: true }
  expect(rows).toEqual([
    { action: 'tenant.suspend', ...by, before: 'active', after: 'suspended' },
    { action: 'tenant.resume', ...by, before: 'suspended', after: 'active' },
  ])
})

test('[OPR3] what networks post for a tenant that was suspended over REST is kept, also where its number was known; its neighbour’s goes on', async () => {
  await using intake = await startIntake()
  const { hub, rest } = intake
  const { key } = await keyOf(hub)
  const neighbour = await hub.addTenant()
  const [ours, theirs] = [await intake.addNumber(), await intake.addNumber({ tenant: neighbour.id })]
  for (const number of [ours, theirs]) await intake.post(number, textTo(number, 'before'))
  await set(rest, key, hub.tenant.id, 'suspend')
  for (const number of [ours, theirs]) await intake.post(number, textTo(number, 'after'))
  expect((await intake.inbox()).map(({ channelId, state, reason }) => [channelId, state, reason])).toEqual([
    [ours.channelId, 'new', null],
    [theirs.channelId, 'new', null],
    [ours.channelId, 'quarantined', 'tenant_suspended'],
    [theirs.channelId, 'new', null],
  ])
})

test('[OPR3] many who suspend and resume at once leave one of both, and one row and event for each change', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const { key } = await keyOf(hub)
  const verbs = Array.from({ length: 12 }, (_, n) =>
    n % 2 === 0 ? ('suspend' as const) : ('resume' as const),
  )
  const answers = await Promise.all(verbs.map((verb) => set(rest, key, hub.tenant.id, verb)))
  expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200))
  const { rows } = await asSuperuser(hub, (query) =>
    query(`select (select status from tenants) as status,
             (select string_agg(substr(action, 8), ' ' order by number) from audit_logs where action in ('tenant.suspend', 'tenant.resume')) as trail,
             (select count(*)::int from events where type = 'tenant.updated') as events`),
  )
  const [found] = rows as { status: string; trail: string | null; events: number }[]
  const trail = found?.trail?.split(' ') ?? []
  expect(found?.events).toBe(trail.length)
  for (const [place, verb] of trail.entries()) expect(verb).toBe(place % 2 === 0 ? 'suspend' : 'resume')
  expect(found?.status).toBe(trail.length % 2 === 0 ? 'active' : 'suspended')
})

test('[OPR4] a key is out with the next request once it is revoked or over; its use is seen, and it is kept nowhere', async () => {
  await using hub = await startHub()
  let now = Date.now()
  const clock = { now: () => new Date(now) }
  const rest = await startRestOf({ ...hub, deps: { ...hub.deps, clock } })
  const [lasting, short] = [await keyOf(hub), await keyOf(hub, new Date(now + 60_000))]
  const codeOf = async (token: string) =>
    (await rest.call<{ code?: string }>('GET', '/operator/tenants', { token })).body.code
  expect([await codeOf(lasting.key), await codeOf(short.key)]).toEqual([undefined, undefined])
  now += 60_000
  expect([await codeOf(lasting.key), await codeOf(short.key)]).toEqual([undefined, 'token_expired'])
  const { changed } = await revokeOperatorKey(hub.deps, 'tests', lasting.prefix)
  expect(changed).toBe(true)
  expect(await codeOf(lasting.key)).toBe('unauthorized')
  expect((await revokeOperatorKey(hub.deps, 'tests', lasting.id)).changed).toBe(false)
  await expect(revokeOperatorKey(hub.deps, 'tests', 'so_nothing')).rejects.toMatchObject({
    code: 'not_found',
  })
  const { rows } = await asSuperuser(hub, (query) =>
    query('select k::text as text, last_used_at is not null as used from operator_keys k order by id'),
  )
  for (const row of rows as { text: string; used: boolean }[]) {
    expect(row.used).toBe(true)
    for (const { key } of [lasting, short]) expect(row.text).not.toContain(key)
  }
})

test('[OPR1] [REST8] a key of an operator has REST_RATE_PER_MINUTE requests, and not one more; another has its own', async () => {
  await using hub = await startHub({ REST_RATE_PER_MINUTE: '3' })
  const rest = await startRestOf(hub)
  await eventually(() => expect(Date.now() % 60_000).toBeLessThan(50_000), 15_000)
  const [one, other] = [await keyOf(hub), await keyOf(hub)]
  const ask = async (token: string) => (await rest.call('GET', '/operator/tenants', { token })).status
  const statuses = []
  for (let n = 0; n < 4; n++) statuses.push(await ask(one.key))
  expect(statuses).toEqual([200, 200, 200, 429])
  expect(await ask(other.key)).toBe(200)
})

test('[CLI3] [OPR4] the command line makes, lists and revokes keys of operators, and shows a key once', async () => {
  await using hub = await startHub()
  const rest = await startRestOf(hub)
  const run = (...args: string[]) => cliJson<Record<string, unknown>>(hub.environment, 'operator', ...args)
  const made = await run('create', '--name', 'billing', '--expires', '90d')
  expect(made.code).toBe(0)
  const { key, prefix } = made.answer as { key: string; prefix: string }
  expect(key).toMatch(/^so_[\w-]{43}$/)
  expect((await rest.call('GET', '/operator/tenants', { token: key })).status).toBe(200)
  const listed = await cli(hub.environment, 'operator', 'list')
  expect(listed.stdout).toMatch(new RegExp(`${prefix}.*billing.*active.*operator `))
  expect(listed.stdout).not.toContain(key)
  const revoked = await cli(hub.environment, 'operator', 'revoke', prefix)
  expect(revoked).toMatchObject({ code: 0, stdout: `key ${prefix} (billing) is revoked\n` })
  expect((await run('revoke', prefix)).answer).toMatchObject({ changed: false })
  expect((await rest.call('GET', '/operator/tenants', { token: key })).status).toBe(401)
  expect((await run('list')).answer).toMatchObject({
    keys: [{ prefix, state: 'revoked', revokedBy: expect.stringMatching(/^operator /) }],
  })
  expect(await cli(hub.environment, 'operator', 'revoke', 'nothing')).toMatchObject({ code: 1 })
  expect(await cli(hub.environment, 'operator', 'create')).toMatchObject({ code: 2 })
}, 60_000)
