import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import type { ChannelMembers } from '../../src/contract/access.ts'
import { type Deps, openDeps } from '../../src/deps.ts'
import { formatPosition } from '../../src/contract/position.ts'
import { setMembers } from '../../src/domain/channels/set-members.ts'
import { createTeam, updateTeam } from '../../src/domain/teams/update-team.ts'
import { changeUser } from '../../src/domain/users/change-user.ts'
import { startRedis } from '../../src/embedded/redis.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant, type TenantTx } from '../../src/log/tenant-tx.ts'
import {
  buildChannel,
  buildContact,
  buildConversation,
  customerWrites,
  type SignedIn,
} from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import type { Hub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'
import type { TestClient } from '../harness/socket-client.ts'
import { startTcpProxy } from '../harness/tcp-proxy.ts'
import { echoing, type GatewayHub, startGatewayHub } from '../gateway/setup.ts'

const byId = (one: number, other: number) => one - other

const people = ['ana', 'ben', 'max', 'vera'] as const
const roleOf = { ana: 'agent', ben: 'agent', max: 'manager', vera: 'viewer' } as const

/** Two agents, a manager and a viewer on open sockets, and a number with one conversation. */
async function begin(more: Record<string, string> = {}) {
  const hub = await startGatewayHub(more)
  const rest = await startRestOf(hub)
  const admin = (await hub.signIn('admin')).token
  const signed = {} as Record<(typeof people)[number], SignedIn>
  for (const name of people) signed[name] = await hub.signIn(roleOf[name], { sub: name })
  const channelId = await buildChannel(hub)
  const conversation = await buildConversation(hub, channelId)
  const sockets = {} as Record<(typeof people)[number], TestClient>
  for (const name of people) {
    sockets[name] = hub.connect({ token: signed[name].token })
    await sockets[name].next('caught-up')
  }
  const seen = async (name: (typeof people)[number]) => {
    const { body } = await rest.call<{ data: { id: string }[] }>('GET', '/api/v1/conversations', {
      token: signed[name].token,
    })
    return body.data.map(({ id }) => id)
  }
  const setTo = async (json: ChannelMembers, headers = {}) => {
    const path = `/api/v1/channels/${channelId}/members`
    return rest.call<{ data: ChannelMembers }>('PUT', path, { token: admin, json, headers })
  }
  return { hub, rest, admin, signed, channelId, conversation, sockets, seen, setTo }
}

const operator = (hub: Hub) => ({
  actor: { kind: 'system' as const, tenantId: hub.tenant.id, name: 'a test' },
})
const tx = <T>(hub: Hub, work: (tx: TenantTx) => Promise<T>) => inTenant(hub.deps, hub.tenant.id, work)

test('[RGT11] [GW11] closing a number takes it from agents who are no members, on open sockets and over REST, and from nobody else', async () => {
  const { hub, rest, signed, channelId, conversation, sockets, seen, setTo } = await begin()
  await using _ = hub
  const before = sockets.ben.position ?? ''
  const at = performance.now()
  const closed = await setTo({ membersOnly: true, memberIds: [signed.ana.actor.id] })
  expect(closed.status).toBe(200)
  expect(await sockets.ben.next('reset')).toMatchObject({ reason: 'access_changed' })
  expect(performance.now() - at).toBeLessThan(5000)
  await customerWrites(hub, conversation.id, 'for members')
  for (const name of ['ana', 'max', 'vera'] as const) await sockets[name].next('message.received')
  await eventually(async () => expect(await seen('ben')).toEqual([]), 5000)
  for (const name of ['ana', 'max', 'vera'] as const) {
    expect(await seen(name)).toEqual([conversation.id])
    expect(sockets[name].of('reset')).toEqual([])
  }
  for (const path of [
    `/conversations/${conversation.id}`,
    `/conversations/${conversation.id}/messages`,
    `/conversations/${conversation.id}/notes`,
  ])
    expect((await rest.call('GET', `/api/v1${path}`, { token: signed.ben.token })).status).toBe(404)
  const found = await rest.call<{ data: unknown[] }>('GET', '/api/v1/search?kind=messages&q=members', {
    token: signed.ben.token,
  })
  expect(found.body.data).toEqual([])
  // Who was away starts from a snapshot, by the socket and over REST, and members go on where they were.
  const news = (name: 'ana' | 'ben') =>
    rest.call<{ reason?: string }>('GET', `/api/v1/events?after=${before}`, { token: signed[name].token })
  expect((await news('ben')).body).toMatchObject({
    code: 'log_position_gone',
    details: { reason: 'access_changed' },
  })
  expect((await news('ana')).status).toBe(200)
  const back = hub.connect({ token: signed.ben.token, position: before })
  await back.next('caught-up')
  expect(back.of('reset')).toMatchObject([{ reason: 'access_changed' }])
  expect([...sockets.ben.of('message.received'), ...back.of('message.received')]).toEqual([])
  // A number that nobody is a member of any more stays closed; only opening it opens it.
  await setTo({ membersOnly: true, memberIds: [] })
  await sockets.ana.next('reset')
  await eventually(async () => expect(await seen('ana')).toEqual([]), 5000)
  await setTo({ membersOnly: false, memberIds: [] })
  for (const name of ['ana', 'ben'] as const) {
    await sockets[name].next('reset')
    await eventually(async () => expect(await seen(name)).toEqual([conversation.id]), 5000)
  }
  expect(Object.values(sockets).flatMap(({ faults }) => faults)).toEqual([])
  expect(
    (await rest.call('GET', `/api/v1/channels/${channelId}/members`, { token: signed.vera.token })).status,
  ).toBe(200)
})

test('[RGT14] people who write on closed numbers only are for those who work there, in lists, searches, links, notes, merges and events', async () => {
  const { hub, rest, admin, signed, channelId, conversation, sockets, setTo } = await begin()
  await using _ = hub
  const { ana, ben } = signed
  const as = (token: string) => ({
    get: async <Body>(path: string) => (await rest.call<Body>('GET', path, { token })).body,
    status: async (method: string, path: string, json?: object) =>
      (await rest.call(method, path, { token, ...(json && { json }) })).status,
  })
  const [asAna, asBen] = [as(ana.token), as(ben.token)]
  const handMade = await buildContact(hub, { firstName: 'Hanna' })
  await rest.call('POST', '/admin/notes', {
    token: admin,
    json: { body: 'about Zoë', contactId: conversation.contactId },
  })
  await setTo({ membersOnly: true, memberIds: [ana.actor.id] })
  await sockets.ben.next('reset')
  await eventually(
    async () => expect(await asBen.status('GET', `/admin/contacts/${conversation.contactId}`)).toBe(404),
    5000,
  )
  const path = `/admin/contacts/${conversation.contactId}`
  const seenBy = async ({ get }: typeof asBen) => ({
    list: (await get<{ data: { id: number }[] }>('/admin/contacts')).data.map(({ id }) => id).toSorted(byId),
    found: (await get<{ data: { id: number }[] }>('/api/v1/search?kind=contacts&q=Zo')).data.length,
    notes: (await get<{ data: unknown[] }>('/admin/notes')).data.length,
  })
  expect(await seenBy(asBen)).toEqual({ list: [handMade], found: 0, notes: 0 })
  expect(await seenBy(asAna)).toEqual({
    list: [conversation.contactId, handMade].toSorted(byId),
    found: 1,
    notes: 1,
  })
  expect(await asBen.status('PATCH', path, { title: 'x' })).toBe(404)
  expect(await asBen.status('GET', `${path}/timeline`)).toBe(404)
  expect(
    await asBen.status('POST', `/admin/contacts/${handMade}/merge`, { otherId: conversation.contactId }),
  ).toBe(400)
  expect(await asBen.status('POST', `${path}/merge`, { otherId: handMade })).toBe(404)
  const spare = await buildContact(hub, { firstName: 'Zoë, twice' })
  expect(await asAna.status('POST', `${path}/merge`, { otherId: spare })).toBe(200)
  const merges = async ({ get }: typeof asBen) =>
    (await get<{ data: { otherId: number }[] }>('/admin/contacts/merges')).data.map(({ otherId }) => otherId)
  expect([await merges(asAna), await merges(asBen)]).toEqual([[spare], []])
  const task = { type: 'task', subject: 'call', contactId: conversation.contactId }
  expect(await asBen.status('POST', '/admin/activities', task)).toBe(400)
  expect(await asAna.status('POST', '/admin/activities', task)).toBe(201)
  const stages = await asBen.get<{ data: { id: number }[] }>('/admin/pipeline-stages')
  const deal = { title: 'x', stageId: stages.data[0]?.id, contactId: conversation.contactId }
  expect(await asBen.status('POST', '/admin/deals', deal)).toBe(400)
  expect(await asAna.status('POST', '/admin/deals', deal)).toBe(201)
  // What is about them and nobody's is for who sees them (NEAR1).
  expect((await asBen.get<{ data: unknown[] }>('/admin/activities')).data).toEqual([])
  // Events: what is changed about them is heard by those who see them.
  expect(await asAna.status('PATCH', path, { title: 'boss' })).toBe(200)
  for (const name of ['ana', 'max', 'vera'] as const) await sockets[name].next('contact.updated')
  // Somebody who was everybody's writes on the closed number first: those who do not work there forget them.
  await buildConversation(hub, channelId, handMade)
  await sockets.ben.next(
    'contact.hidden',
    ({ data }) => (data as { contactId: number }).contactId === handMade,
  )
  expect((await seenBy(asBen)).list).toEqual([])
  // And on a number that is open: everybody sees them, and is shown them.
  await buildConversation(hub, await buildChannel(hub), conversation.contactId)
  await sockets.ben.next(
    'contact.updated',
    ({ data }) => (data as { contact: { id: number } }).contact.id === conversation.contactId,
  )
  expect(await seenBy(asBen)).toEqual({ list: [conversation.contactId], found: 1, notes: 1 })
  expect(sockets.ben.of('contact.updated')).toHaveLength(1)
  for (const name of ['ana', 'max', 'vera'] as const) expect(sockets[name].of('contact.hidden')).toEqual([])
})

test('[RGT14] what went into a contact of a closed number is for nobody else either, though it has no conversations any more', async () => {
  const { hub, rest, admin, signed, channelId, conversation, setTo } = await begin()
  await using _ = hub
  const other = await buildConversation(hub, channelId)
  await setTo({ membersOnly: true, memberIds: [signed.ana.actor.id] })
  const path = `/admin/contacts/${conversation.contactId}`
  const json = { otherId: other.contactId }
  const from = formatPosition(await readHead(hub.deps, hub.tenant.id))
  const gone = `/admin/contacts/${other.contactId}`
  await rest.call('PATCH', gone, { token: admin, json: { email: 'canary@x.example' } })
  expect((await rest.call('POST', `${path}/merge`, { token: admin, json })).status).toBe(200)
  const asBen = (method: string, at: string) => rest.call(method, at, { token: signed.ben.token })
  await eventually(async () => expect((await asBen('GET', path)).status).toBe(404), 5000)
  expect((await rest.call('GET', gone, { token: admin })).status).toBe(200)
  expect((await asBen('GET', gone)).status).toBe(404)
  expect((await asBen('GET', `${gone}/timeline`)).status).toBe(404)
  expect((await asBen('POST', `${gone}/restore`)).status).toBe(404)
  expect((await asBen('GET', '/admin/contacts?deleted=with')).body).toMatchObject({ data: [] })
  const replayed = (token: string) => rest.call('GET', `/api/v1/events?after=${from}`, { token })
  expect((await replayed(signed.max.token)).text).toContain('canary@x.example')
  const toBen = await replayed(signed.ben.token)
  expect([toBen.status, toBen.text.includes('canary')], toBen.text).toEqual([200, false])
})

test('[RGT11] members are written by admins, under If-Match, of users that there are; nobody assigns to an agent who could not look', async () => {
  const { hub, rest, admin, signed, channelId, conversation, setTo } = await begin()
  await using _ = hub
  const { ana, ben, max } = signed
  expect((await setTo({ membersOnly: true, memberIds: [crypto.randomUUID()] })).status).toBe(400)
  const first = await setTo({ membersOnly: true, memberIds: [ana.actor.id, ana.actor.id] })
  expect(first.body.data).toMatchObject({ membersOnly: true, memberIds: [ana.actor.id] })
  expect((await setTo({ membersOnly: false, memberIds: [] }, { 'if-match': '"1"' })).status).toBe(412)
  for (const { token } of [ana, max])
    expect(
      (
        await rest.call('PUT', `/api/v1/channels/${channelId}/members`, {
          token,
          json: { membersOnly: false, memberIds: [] },
        })
      ).status,
    ).toBe(403)
  const assign = (userId: string) =>
    rest.call('POST', `/api/v1/conversations/${conversation.id}/assign`, { token: admin, json: { userId } })
  expect((await assign(ben.actor.id)).status).toBe(400)
  expect((await assign(ana.actor.id)).status).toBe(200)
  expect((await assign(max.actor.id)).status).toBe(200)
  // Nor does one learn from such a number who has a conversation there, by starting one.
  const start = { channelId, to: '+491715550100', template: { name: 'x', language: 'en' } }
  const started = await rest.refused('POST', '/api/v1/conversations', { token: ben.token, json: start })
  expect([started.code, started.errors?.[0]?.pointer]).toEqual(['validation_failed', '/channelId'])
  const other = await hub.addTenant()
  const theirs = hub.token('admin', { tenant: other.slug })
  for (const method of ['GET', 'PUT'])
    expect(
      (
        await rest.call(method, `/api/v1/channels/${channelId}/members`, {
          token: theirs,
          ...(method === 'PUT' && { json: { membersOnly: false, memberIds: [] } }),
        })
      ).status,
    ).toBe(404)
})

test('[RGT12] [GW11] joining and leaving a team reaches open sockets of every gateway; renaming it disturbs nobody', async () => {
  const { hub, rest, admin, signed, conversation, sockets, seen } = await begin()
  await using _ = hub
  const { gateway: second } = await hub.another()
  const ana = hub.connect({ token: signed.ana.token, port: second.port })
  await ana.next('caught-up')
  const team = await tx(hub, (one) =>
    createTeam(one, hub.config, operator(hub), { name: 'Sales', memberIds: [] }),
  )
  const json = { teamId: team.id }
  await rest.call('POST', `/api/v1/conversations/${conversation.id}/assign`, { token: admin, json })
  await sockets.ana.next('conversation.hidden')
  await ana.next('conversation.hidden')
  const write = (patch: { name?: string; memberIds?: string[] }) =>
    tx(hub, (one) => updateTeam(one, operator(hub), team.id, patch))
  await write({ memberIds: [signed.ana.actor.id] })
  for (const socket of [ana, sockets.ana]) await socket.next('reset')
  await eventually(async () => expect(await seen('ana')).toEqual([conversation.id]), 5000)
  await write({ name: 'Support' })
  await customerWrites(hub, conversation.id, 'for the team')
  for (const socket of [ana, sockets.ana]) await socket.next('message.received')
  await write({ memberIds: [] })
  for (const socket of [ana, sockets.ana]) await socket.next('reset')
  await customerWrites(hub, conversation.id, 'not any more')
  await sockets.max.next(
    'message.received',
    ({ data }) => (data as { message: { text: string } }).message.text === 'not any more',
  )
  await eventually(async () => expect(await seen('ana')).toEqual([]), 5000)
  for (const socket of [ana, sockets.ana]) {
    expect(socket.of('message.received')).toHaveLength(1)
    expect(socket.of('reset')).toHaveLength(2)
    expect(socket.faults).toEqual([])
  }
  for (const name of ['ben', 'max', 'vera'] as const) expect(sockets[name].of('reset')).toEqual([])
})

test('[GW11] without Redis a change of role, team or number, and a user who is disabled, still reach open sockets, by the poll', async () => {
  const redis = await startRedis({
    dataDir: mkdtempSync(join(tmpdir(), 'switchboard-redis-')),
    log: () => {},
    test: true,
  })
  try {
    const { hub, signed, channelId, conversation, sockets } = await begin({ REDIS_URL: redis.url })
    await using _ = hub
    await redis.stop()
    await eventually(() => expect(hub.deps.doorbell.connected).toBe(false))
    const reset = async (work: (one: TenantTx) => Promise<unknown>) => {
      const at = performance.now()
      await tx(hub, work)
      await sockets.ben.next('reset')
      expect(performance.now() - at).toBeLessThan(5000)
    }
    const set = (members: ChannelMembers) => (one: TenantTx) =>
      setMembers(one, hub.deps, operator(hub), channelId, members)
    await reset(set({ membersOnly: true, memberIds: [] }))
    await reset(set({ membersOnly: false, memberIds: [] }))
    await reset((one) => changeUser(one, operator(hub), signed.ben.actor.id, { role: 'manager' }))
    await reset((one) => changeUser(one, operator(hub), signed.ben.actor.id, { role: 'agent' }))
    await reset((one) =>
      createTeam(one, hub.config, operator(hub), { name: 'Sales', memberIds: [signed.ben.actor.id] }),
    )
    await tx(hub, (one) => changeUser(one, operator(hub), signed.ben.actor.id, { status: 'disabled' }))
    expect(await sockets.ben.next('bye')).toMatchObject({ code: 'access_revoked' })
    await customerWrites(hub, conversation.id, 'without ben')
    await sockets.ana.next('message.received')
    expect(sockets.ben.of('message.received')).toEqual([])
    expect(sockets.ana.of('reset')).toHaveLength(2)
  } finally {
    await redis.stop()
  }
})

/** A gateway whose line to the database can be cut, beside a hub whose own is whole. */
async function startFragileGateway(hub: GatewayHub) {
  const url = new URL(hub.config.DATABASE_URL)
  const line = await startTcpProxy(Number(url.port))
  url.port = String(line.port)
  const opened = openDeps({ ...hub.config, DATABASE_URL: url.href }, 'fragile')
  const failed = Promise.withResolvers<void>()
  const log = Object.create(opened.log, {
    warn: {
      value: (_facts: object, message: string) => {
        if (message.startsWith('rights cannot be looked up')) failed.resolve()
      },
    },
  }) as Deps['log']
  const deps = { ...opened, log }
  const gateway = await startGateway(deps, { handlers: echoing() })
  hub.onClose(async () => {
    await gateway.close()
    await deps.close()
    await line[Symbol.asyncDispose]()
  })
  return { gateway, line, failed: failed.promise, port: Number(new URL(hub.config.DATABASE_URL).port) }
}

test('[GW11] what is heard while the database is away is looked up when it is back, and whom it is about starts anew whatever comes of it', async () => {
  await using hub = await startGatewayHub()
  const { gateway, line, failed, port } = await startFragileGateway(hub)
  const ana = await hub.signIn('agent', { sub: 'ana' })
  const client = hub.connect({ token: ana.token, port: gateway.port })
  await client.next('caught-up')
  line.leadTo(() => undefined)
  line.cut()
  // Another role and back, of which only the second is told: what she may see is the same, what she was sent is not.
  await tx(hub, async (one) => {
    const { user } = await changeUser(one, operator(hub), ana.actor.id, { name: 'Ana' })
    one.record('user.updated', { user, formerRole: 'manager' }, { kind: 'tenant' })
  })
  // The bell takes it along, so it is heard; what it means cannot be looked up.
  await client.next('user.updated')
  await failed
  expect(client.of('reset')).toEqual([])
  line.leadTo(port)
  expect(await client.next('reset')).toMatchObject({ reason: 'access_changed' })
  expect(client.of('bye')).toEqual([])
})
