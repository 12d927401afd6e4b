import { expect, test } from 'vitest'
import { authenticate } from '../../src/auth/authenticate.ts'
import type { Entry } from '../../src/auth/entry.ts'
import { type UserDetail, userDetail } from '../../src/contract/access.ts'
import { changeUser } from '../../src/domain/users/change-user.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { asSuperuser } from '../cli/cli.ts'
import { buildChannel } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

interface One<T> {
  data: T
}

async function begin(
  more: Record<string, string> = {},
): Promise<{ hub: Hub; rest: RestClient; admin: string }> {
  const hub = await startHub(more)
  return { hub, rest: await startRestOf(hub), admin: (await hub.signIn('admin')).token }
}

const invite = (rest: RestClient, token: string, json: object) =>
  rest.call<One<UserDetail>>('POST', '/admin/users', { token, json })

/** Types of events and actions of the trail since the beginning, without those of people who came in. */
async function traces(hub: Hub): Promise<{ events: string[]; trail: string[] }> {
  return asSuperuser(hub, async (query) => {
    const events = (await query('select type from events where tenant_id = $1 order by seq', [
      hub.tenant.id,
    ])) as {
      rows: { type: string }[]
    }
    const trail = (await query('select action from audit_logs where tenant_id = $1 order by number', [
      hub.tenant.id,
    ])) as { rows: { action: string }[] }
    return { events: events.rows.map((row) => row.type), trail: trail.rows.map((row) => row.action) }
  })
}

test('[RGT1] somebody who is invited is the same user when they come, with the teams and numbers they were given', async () => {
  const { hub, rest, admin } = await begin()
  await using _ = hub
  const channelId = await buildChannel(hub)
  const team = await rest.call<One<{ id: string }>>('POST', '/admin/teams', {
    token: admin,
    json: { name: 'Sales' },
  })
  const made = await invite(rest, admin, {
    email: 'Ana@example.com',
    role: 'agent',
    teamIds: [team.body.data.id],
    channelIds: [channelId],
  })
  expect(made.status).toBe(201)
  const user = userDetail.parse(made.body.data)
  expect(user).toMatchObject({
    invited: true,
    name: 'Ana@example.com',
    teamIds: [team.body.data.id],
    channelIds: [channelId],
  })
  expect(made.headers.get('location')).toBe(`/admin/users/${user.id}`)
  const { default: jwt } = await import('jsonwebtoken')
  const token = jwt.sign(
    { role: 'agent', name: 'Ana', email: 'ana@EXAMPLE.com', tenant_id: hub.tenant.slug },
    (hub.config.JWT_SECRET ?? [])[0] ?? '',
    { algorithm: 'HS256', issuer: 'cms', subject: 'ana-7', expiresIn: 600 },
  )
  const me = await rest.call<{ user: { id: string } }>('GET', '/admin/me', { token })
  expect(me.body.user.id).toBe(user.id)
  const seen = await rest.call<One<UserDetail>>('GET', `/admin/users/${user.id}`, { token: admin })
  expect(seen.body.data).toMatchObject({
    invited: false,
    name: 'Ana',
    teamIds: user.teamIds,
    channelIds: user.channelIds,
  })
  const { events, trail } = await traces(hub)
  expect(trail.filter((action) => action !== 'tenant.create')).toEqual([
    'team.create',
    'user.invite',
    'team.update',
    'channel.set-members',
  ])
  expect(events).toEqual([
    'user.joined',
    'team.created',
    'user.joined',
    'team.updated',
    'channel.updated',
    'user.updated',
  ])
})

test('[RGT1] an address is invited once, also by two at once; a team or number that is not there refuses all of it', async () => {
  const { hub, rest, admin } = await begin()
  await using _ = hub
  const twins = await Promise.all(
    [1, 2].map(() => invite(rest, admin, { email: 'ben@example.com', role: 'viewer' })),
  )
  expect(twins.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([201, 409])
  const other = await rest.refused('POST', '/admin/users', {
    token: admin,
    json: { email: 'BEN@example.com', role: 'agent' },
  })
  expect(other).toMatchObject({ code: 'conflict', details: { member: 'email' } })
  for (const json of [
    { email: 'c@example.com', role: 'agent', teamIds: [crypto.randomUUID()] },
    { email: 'c@example.com', role: 'agent', channelIds: [crypto.randomUUID()] },
    { email: 'c@example.com', role: 'owner' },
    { email: 'not one', role: 'agent' },
    { email: 'c@example.com', role: 'agent', tenantId: hub.tenant.id },
    { email: 'c@example.com', role: 'agent', platformUserId: 7 },
  ])
    expect((await rest.refused('POST', '/admin/users', { token: admin, json })).code).toBe(
      'validation_failed',
    )
  const list = await rest.call<{ data: { email: string | null }[] }>('GET', '/admin/users', { token: admin })
  expect(list.body.data.map(({ email }) => email)).toEqual([null, 'ben@example.com'])
})

test('[RGT1] an invitation is taken up on the word of an issuer that vouches for addresses, and on no other', async () => {
  const { default: jwt } = await import('jsonwebtoken')
  const { hub, rest, admin } = await begin({ JWT_ISSUER: 'cms,partner' })
  await using _ = hub
  const invited = await invite(rest, admin, { email: 'ana@example.com', role: 'admin' })
  const comes = async (issuer: string, more: object = {}) => {
    const token = jwt.sign(
      { role: 'agent', email: 'ana@example.com', tenant_id: hub.tenant.slug, ...more },
      (hub.config.JWT_SECRET ?? [])[0] ?? '',
      { algorithm: 'HS256', issuer, subject: `${issuer}-${JSON.stringify(more)}`, expiresIn: 600 },
    )
    return (await rest.call<{ user: { id: string } }>('GET', '/admin/me', { token })).body.user.id
  }
  const { id } = invited.body.data
  // A partner may say any address of its people; the CMS says of this one that nobody has looked.
  expect(await comes('partner')).not.toBe(id)
  for (const unverified of [false, 'false', 'no', 0])
    expect(await comes('cms', { email_verified: unverified })).not.toBe(id)
  const waiting = await rest.call<One<UserDetail>>('GET', `/admin/users/${id}`, { token: admin })
  expect(waiting.body.data).toMatchObject({ invited: true, role: 'admin' })
  expect(await comes('cms', { email_verified: true })).toBe(id)

  const trusting = await begin({ JWT_ISSUER: 'cms,partner', EMAIL_ISSUERS: 'partner' })
  await using __ = trusting.hub
  const again = await invite(trusting.rest, trusting.admin, { email: 'ana@example.com', role: 'agent' })
  const token = (issuer: string) =>
    jwt.sign(
      { role: 'agent', email: 'ana@example.com', tenant_id: 'main' },
      (trusting.hub.config.JWT_SECRET ?? [])[0] ?? '',
      { algorithm: 'HS256', issuer, subject: 'ana', expiresIn: 600 },
    )
  const whoIs = async (issuer: string) => (await authenticate(trusting.hub.deps, token(issuer))).actor.id
  expect(await whoIs('cms')).not.toBe(again.body.data.id)
  expect(await whoIs('partner')).toBe(again.body.data.id)
})

test('[RGT2] name, address and role change under If-Match, with event and trail; who is no admin changes nobody', async () => {
  const { hub, rest, admin } = await begin()
  await using _ = hub
  const { actor } = await hub.signIn('agent', { sub: 'ana' })
  const path = `/admin/users/${actor.id}`
  const first = await rest.call<One<UserDetail>>('GET', path, { token: admin })
  const headers = { 'if-match': first.headers.get('etag') ?? '' }
  const json = { name: 'Anna', email: 'anna@example.com', role: 'manager' }
  const changed = await rest.call<One<UserDetail>>('PATCH', path, { token: admin, json, headers })
  expect(changed.body.data).toMatchObject(json)
  expect(changed.headers.get('etag')).not.toBe(first.headers.get('etag'))
  expect((await rest.refused('PATCH', path, { token: admin, json, headers })).code).toBe(
    'precondition_failed',
  )
  for (const role of ['viewer', 'agent', 'manager'] as const) {
    const token = hub.token(role, { sub: `nosy-${role}` })
    for (const [method, place, body] of [
      ['POST', '/admin/users', { email: 'x@example.com', role: 'admin' }],
      ['PATCH', path, { role: 'admin' }],
      ['POST', `${path}/disable`, {}],
      ['POST', `${path}/enable`, {}],
    ] as const)
      expect((await rest.refused(method, place, { token, json: body })).status).toBe(403)
  }
  const { events, trail } = await traces(hub)
  expect(trail.slice(1)).toEqual(['user.update'])
  expect(events.filter((type) => type === 'user.updated')).toHaveLength(1)
})

test("[RGT3] the last admin stays one: not by their own hand, and not by two who take each other's role, or give up their own, at once", async () => {
  const { hub, rest, admin } = await begin()
  await using _ = hub
  const me = await rest.call<{ user: { id: string } }>('GET', '/admin/me', { token: admin })
  const own = `/admin/users/${me.body.user.id}`
  await invite(rest, admin, { email: 'never-came@example.com', role: 'admin' })
  for (const [method, path, json] of [
    ['POST', `${own}/disable`, {}],
    ['PATCH', own, { role: 'manager' }],
  ] as const)
    expect(await rest.refused(method, path, { token: admin, json })).toMatchObject({
      status: 409,
      code: 'last_admin',
    })
  const second = await hub.signIn('admin', { sub: 'second' })
  const demote = (by: Entry['actor'], id: string) =>
    inTenant(hub.deps, hub.tenant.id, (tx) => changeUser(tx, { actor: by }, id, { role: 'agent' }))
  const { actor: first } = await authenticate(hub.deps, admin)
  const by = { actor: { kind: 'system' as const, tenantId: hub.tenant.id, name: 'operator' } }
  for (const [deeds, code] of [
    // Whoever is second is no admin any more.
    [() => [demote(first, second.actor.id), demote(second.actor, first.id)], 'forbidden'],
    [() => [demote(first, first.id), demote(second.actor, second.actor.id)], 'last_admin'],
  ] as const) {
    for (const { id } of [first, second.actor])
      await inTenant(hub.deps, hub.tenant.id, (tx) => changeUser(tx, by, id, { role: 'admin' }))
    const outcomes = await Promise.allSettled(deeds())
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find((one) => one.status === 'rejected')?.reason).toMatchObject({ code })
  }
  const left = await asSuperuser(hub, (query) =>
    query(
      `select count(*)::integer as n from users where role = 'admin' and status = 'active' and issuer = 'cms'`,
    ),
  )
  expect((left as { rows: { n: number }[] }).rows[0]?.n).toBe(1)
  // An operator may: a stolen account must be shut, whoever is left.
  for (const id of [me.body.user.id, second.actor.id])
    await inTenant(hub.deps, hub.tenant.id, (tx) => changeUser(tx, by, id, { status: 'disabled' }))
})

test('[RGT4] nobody gives a role or a key more than they have: a key that manages users makes no admin', async () => {
  const { hub, rest, admin } = await begin()
  await using _ = hub
  const { actor: ana } = await hub.signIn('agent', { sub: 'ana' })
  const made = await rest.call<One<{ key: string }>>('POST', '/admin/api-keys', {
    token: admin,
    json: { name: 'hr', role: 'admin', scopes: ['user.manage', 'user.read', 'key.manage'] },
  })
  const token = made.body.data.key
  for (const [path, json] of [
    ['/admin/users', { email: 'x@example.com', role: 'admin' }],
    ['/admin/users', { email: 'x@example.com', role: 'viewer' }],
    ['/admin/api-keys', { name: 'more', role: 'admin' }],
    ['/admin/api-keys', { name: 'more', role: 'admin', scopes: ['channel.manage'] }],
  ] as const)
    expect((await rest.refused('POST', path, { token, json })).code).toBe('forbidden')
  expect(
    (await rest.refused('PATCH', `/admin/users/${ana.id}`, { token, json: { role: 'admin' } })).code,
  ).toBe('forbidden')
  const less = { name: 'less', role: 'admin', scopes: ['user.read'] }
  expect((await rest.call('POST', '/admin/api-keys', { token, json: less })).status).toBe(201)
})

test('[RGT4] a key changes people who may do no more than itself, in any way, and admins only when it has no scopes', async () => {
  const { hub, rest, admin } = await begin({ LOCAL_SIGN_IN: 'on' })
  await using _ = hub
  const agentMay = await rest.call<{ permissions: string[] }>('GET', '/admin/me', {
    token: hub.token('agent'),
  })
  const everything = await rest.call<{ permissions: string[] }>('GET', '/admin/me', { token: admin })
  const keyOf = async (scopes: readonly string[]) => {
    const json = { name: 'a key', role: 'admin', scopes }
    const made = await rest.call<One<{ key: string }>>('POST', '/admin/api-keys', { token: admin, json })
    return made.body.data.key
  }
  const keys = {
    narrow: await keyOf(['user.manage', 'user.read']),
    agents: await keyOf(['user.manage', ...agentMay.body.permissions]),
    all: await keyOf(everything.body.permissions),
    whole: await keyOf([]),
  }
  // Each is invited, so that all can be done to them.
  const idOf = async (role: string, n: number) =>
    (await invite(rest, admin, { email: `${role}${n}@example.com`, role })).body.data.id
  const team = await rest.call<One<{ id: string }>>('POST', '/admin/teams', {
    token: admin,
    json: { name: 'T' },
  })
  const teamPath = `/admin/teams/${team.body.data.id}`
  const may = {
    narrow: [],
    agents: ['agent'],
    all: ['agent', 'manager'],
    whole: ['agent', 'manager', 'admin'],
  }
  let n = 0
  for (const [name, token] of Object.entries(keys) as [keyof typeof keys, string][])
    for (const role of ['agent', 'manager', 'admin']) {
      n += 1
      const id = await idOf(role, n)
      const at = `/admin/users/${id}`
      for (const [method, path, json] of [
        ['PATCH', at, { name: 'Another' }],
        ['PATCH', at, { email: `moved-${n}@example.com` }],
        ['PATCH', at, { role: 'viewer' }],
        ['PATCH', at, { role }],
        ['POST', `${at}/password-token`, {}],
        ['POST', `${at}/disable`, {}],
        ['POST', `${at}/enable`, {}],
        ['PATCH', teamPath, { memberIds: [id] }],
        ['PATCH', teamPath, { memberIds: [] }],
        ['POST', '/admin/users', { email: `new-${n}@example.com`, role }],
      ] as const) {
        const answer = await rest.call(method, path, { token, json })
        const where = `${name} ${method} ${path} ${JSON.stringify(json)} of ${role}: ${answer.text}`
        const isAllowed = (may[name] as string[]).includes(role)
        // Nobody joined, so nobody leaves.
        if (!isAllowed && 'memberIds' in json && json.memberIds.length === 0) continue
        if (isAllowed) expect(answer.status, where).toBeLessThan(300)
        else expect(answer.status, where).toBe(403)
      }
      if (!(may[name] as string[]).includes(role)) {
        const after = await rest.call<One<UserDetail>>('GET', at, { token: admin })
        expect(after.body.data).toMatchObject({ email: `${role}${n}@example.com`, role, status: 'active' })
      }
    }
  // Taking a team away takes its members out.
  const boss = await idOf('admin', 99)
  await rest.call('PATCH', teamPath, { token: admin, json: { memberIds: [boss] } })
  expect((await rest.call('DELETE', teamPath, { token: keys.agents })).status).toBe(403)
  expect((await rest.call('PATCH', teamPath, { token: keys.agents, json: { memberIds: [] } })).status).toBe(
    403,
  )
  expect((await rest.call('PATCH', teamPath, { token: keys.agents, json: { name: 'U' } })).status).toBe(200)
  expect((await rest.call('DELETE', teamPath, { token: keys.whole })).status).toBe(204)
})

test('[RGT4] a key that manages numbers lets nobody onto a closed one who may do more than itself, and opens or closes none to agents who may', async () => {
  const { hub, rest, admin } = await begin()
  await using _ = hub
  const id = await buildChannel(hub)
  const { actor } = await hub.signIn('agent', { sub: 'ana' })
  const set = async (scopes: readonly string[], memberIds: readonly string[], membersOnly = true) => {
    const json = { name: 'a key', role: 'admin', scopes }
    const made = await rest.call<One<{ key: string }>>('POST', '/admin/api-keys', { token: admin, json })
    const body = { membersOnly, memberIds }
    const path = `/api/v1/channels/${id}/members`
    return (await rest.call('PUT', path, { token: made.body.data.key, json: body })).status
  }
  const narrow = ['channel.manage', 'channel.read']
  expect(await set([], [])).toBe(200)
  expect(await set(narrow, [])).toBe(200)
  expect(await set(narrow, [actor.id])).toBe(403)
  expect(await set([], [actor.id])).toBe(200)
  expect(await set(narrow, [])).toBe(403)
  // What an agent sees of all numbers is for keys that may do all that agents may.
  const agentMay = await rest.call<{ permissions: string[] }>('GET', '/admin/me', {
    token: hub.token('agent'),
  })
  const agents = ['channel.manage', ...agentMay.body.permissions]
  expect(await set(narrow, [actor.id], false)).toBe(403)
  expect(await set(agents.slice(0, -1), [actor.id], false)).toBe(403)
  expect(await set(agents, [actor.id], false)).toBe(200)
  expect(await set(narrow, [actor.id], false)).toBe(200)
  expect(await set(narrow, [actor.id], true)).toBe(403)
  expect(await set(agents, [actor.id], true)).toBe(200)
})

test('[RGT5] as many people as the tenant may have, and one more; who is disabled makes room', async () => {
  const { hub, rest, admin } = await begin({ TENANT_USERS: '3' })
  await using _ = hub
  const ids: string[] = []
  for (const n of [1, 2]) {
    const { status, body } = await invite(rest, admin, { email: `${n}@example.com`, role: 'viewer' })
    expect(status).toBe(201)
    ids.push(body.data.id)
  }
  const full = await rest.refused('POST', '/admin/users', {
    token: admin,
    json: { email: '3@example.com', role: 'viewer' },
  })
  expect(full).toMatchObject({ status: 409, code: 'limit_reached', details: { of: 'users', limit: 3 } })
  expect((await rest.call('POST', `/admin/users/${ids[0]}/disable`, { token: admin, json: {} })).status).toBe(
    200,
  )
  expect((await invite(rest, admin, { email: '3@example.com', role: 'viewer' })).status).toBe(201)
  expect((await rest.refused('POST', `/admin/users/${ids[0]}/enable`, { token: admin, json: {} })).code).toBe(
    'limit_reached',
  )
  // Whom an issuer vouches for comes in all the same.
  expect((await rest.call('GET', '/admin/me', { token: hub.token('agent', { sub: 'new' }) })).status).toBe(
    200,
  )
})

test('[RGT6] S12 users, teams and keys of another tenant are not there, like ids that nobody has', async () => {
  const { hub, rest, admin } = await begin()
  await using _ = hub
  const other = await hub.addTenant()
  const theirs = await hub.signIn('admin', { tenant: other.slug })
  const call = (method: string, path: string, json?: object) =>
    rest.call<One<{ id: string }>>(method, path, { token: theirs.token, ...(json && { json }) })
  const team = (await call('POST', '/admin/teams', { name: 'canary team', memberIds: [theirs.actor.id] }))
    .body.data.id
  const key = (await call('POST', '/admin/api-keys', { name: 'canary key', role: 'viewer' })).body.data.id
  const random = crypto.randomUUID()
  for (const [method, path, json] of [
    ['GET', `/admin/users/${theirs.actor.id}`, undefined],
    ['PATCH', `/admin/users/${theirs.actor.id}`, { role: 'viewer' }],
    ['POST', `/admin/users/${theirs.actor.id}/disable`, {}],
    ['GET', `/admin/teams/${team}`, undefined],
    ['PATCH', `/admin/teams/${team}`, { name: 'mine' }],
    ['DELETE', `/admin/teams/${team}`, undefined],
    ['GET', `/admin/api-keys/${key}`, undefined],
    ['POST', `/admin/api-keys/${key}/revoke`, {}],
  ] as const) {
    const ask = (place: string) => rest.refused(method, place, { token: admin, ...(json && { json }) })
    const [there, nowhere] = [await ask(path), await ask(path.replace(/[0-9a-f-]{36}/, random))]
    expect([there.status, there.code, there.detail]).toEqual([404, 'not_found', nowhere.detail])
  }
  for (const path of ['/admin/users', '/admin/teams', '/admin/api-keys', '/admin/tenant', '/api/v1/sync'])
    expect((await rest.call('GET', path, { token: admin })).text).not.toMatch(/canary/)
  const stranger = { name: 'x', memberIds: [theirs.actor.id] }
  expect((await rest.refused('POST', '/admin/teams', { token: admin, json: stranger })).code).toBe(
    'validation_failed',
  )
})
