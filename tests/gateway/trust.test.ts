import { expect, test } from 'vitest'
import { authenticate } from '../../src/auth/authenticate.ts'
import { formatPosition, parsePosition, type Position } from '../../src/contract/position.ts'
import { silentDoorbell } from '../../src/doorbell/silent-doorbell.ts'
import { readNews } from '../../src/domain/sync/read-news.ts'
import { readHead } from '../../src/log/read.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { buildChannel, buildConversation, buildTeam, customerWrites } from '../harness/crowd.ts'
import { eventually } from '../harness/eventually.ts'
import { withTenantOwner } from './owner.ts'
import { type GatewayHub, startGatewayHub } from './setup.ts'

test('[GW10] K1: a token that ends is asked for, and a new one keeps the session', async () => {
  await using hub = await startGatewayHub({ JWT_LEEWAY: '0', SOCKET_RENEW_MS: '2000' })
  const ana = hub.connect({ token: hub.token('agent', { ttlSeconds: 3 }) })
  await ana.next('caught-up')
  const { expiresAt } = await ana.next('renew')
  expect(Date.parse(String(expiresAt)) - Date.now()).toBeLessThan(2100)
  const fresh = hub.token('agent')
  const answer = await ana.send<{ expiresAt: string }>('session.renew', { token: fresh })
  expect(answer).toMatchObject({ ok: true })
  await expect.poll(() => Date.now() > Date.parse(String(expiresAt)) + 1200, { timeout: 6000 }).toBe(true)
  await hub.happen()
  await ana.next('consent.changed')
  expect(await ana.send('conversation.read', { conversationId: crypto.randomUUID(), seq: 1 })).toMatchObject({
    ok: true,
  })
  expect(ana.of('bye')).toEqual([])
  expect(ana.of('renew')).toHaveLength(1)
})

test('[GW10] K1: at its second commands are refused; after the leeway the session ends with bye', async () => {
  await using hub = await startGatewayHub({ JWT_LEEWAY: '2' })
  const ana = hub.connect({ token: hub.token('agent', { ttlSeconds: 2 }), reconnection: true })
  await ana.next('caught-up')
  const end = Date.parse(String((await ana.next('renew')).expiresAt))
  const read = () => ana.send('conversation.read', { conversationId: crypto.randomUUID(), seq: 1 })
  expect(await read()).toMatchObject({ ok: true })
  await expect.poll(() => Date.now() >= end, { interval: 10, timeout: 5000 }).toBe(true)
  expect(await read()).toMatchObject({ ok: false, error: { code: 'token_expired', then: 'sign-in' } })
  expect(await ana.next('bye')).toEqual({ code: 'token_expired', retryAfterMs: 0, reconnect: false })
  expect(Date.now() - end).toBeGreaterThanOrEqual(2000)
  expect(Date.now() - end).toBeLessThan(5000)
  await ana.next('disconnect')
  expect(await ana.next('connect_error')).toMatchObject({ code: 'token_expired' })
})

test('[GW10] a token of somebody else, of another tenant or none at all renews nothing', async () => {
  await using hub = await startGatewayHub()
  const other = await hub.addTenant()
  const ana = hub.connect({ token: hub.token('agent') })
  await ana.next('caught-up')
  for (const [token, code] of [
    [hub.token('agent', { sub: 'ben' }), 'forbidden'],
    [hub.token('agent', { tenant: other.slug }), 'forbidden'],
    [hub.token('agent', { ttlSeconds: -60 }), 'token_expired'],
    ['x', 'unauthorized'],
  ] as const)
    expect(await ana.send('session.renew', { token })).toMatchObject({ ok: false, error: { code } })
  expect(await ana.send('session.renew', {})).toMatchObject({
    ok: false,
    error: { code: 'validation_failed' },
  })
  expect(hub.gateway.sessions).toBe(1)
})

test('[GW11] K2: a user who is disabled is shown out of all sockets at once', async () => {
  await using hub = await startGatewayHub()
  const { gateway: second } = await hub.another()
  const ben = await hub.signIn('agent', { sub: 'ben' })
  const clients = [hub.gateway.port, second.port].map((port) => hub.connect({ token: ben.token, port }))
  const ana = hub.connect()
  for (const client of [...clients, ana]) await client.next('caught-up')
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    await tx.query(`update users set status = 'disabled' where tenant_id = $1 and id = $2`, [
      tx.tenantId,
      ben.actor.id,
    ])
    const { id, email, name, role, platformUserId } = ben.actor as typeof ben.actor & {
      email: null
      platformUserId: null
    }
    tx.record(
      'user.disabled',
      { user: { id, email, name, role, status: 'disabled', platformUserId, version: 2 } },
      { kind: 'tenant' },
    )
  })
  const at = performance.now()
  for (const client of clients) {
    expect(await client.next('bye')).toEqual({ code: 'access_revoked', retryAfterMs: 0, reconnect: false })
    await client.next('disconnect')
  }
  expect(performance.now() - at).toBeLessThan(5000)
  const back = hub.connect({ token: ben.token })
  expect(await back.next('connect_error')).toMatchObject({ code: 'user_disabled' })
  expect(ana.of('bye')).toEqual([])
})

test('[GW11] what no event tells is found by looking again: a suspended tenant, a disabled user', async () => {
  await using hub = await startGatewayHub({ SOCKET_TRUST_MS: '300' })
  const ana = hub.connect()
  await ana.next('caught-up')
  await withTenantOwner(hub, (query) => query(`update tenants set status = 'suspended'`))
  expect(await ana.next('bye')).toMatchObject({ code: 'access_revoked' })
})

test('[GW11] another role or team means another audience: the session starts from a snapshot and hears the new one', async () => {
  await using hub = await startGatewayHub({ SOCKET_TRUST_MS: '400' })
  const ana = await hub.signIn('agent', { sub: 'ana' })
  const boss = await hub.signIn('manager', { sub: 'boss' })
  const conversation = await buildConversation(hub, await buildChannel(hub))
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query('update conversations set assignee_id = $2 where tenant_id = $1', [tx.tenantId, boss.actor.id]),
  )
  const client = hub.connect({ token: ana.token })
  await client.next('caught-up')
  await customerWrites(hub, conversation.id, 'not for ana')
  // The token that the CMS gave her meanwhile names another role; its first use anywhere tells everybody.
  await hub.signIn('manager', { sub: 'ana' })
  expect(await client.next('reset')).toMatchObject({ reason: 'access_changed' })
  await customerWrites(hub, conversation.id, 'for managers')
  await client.next('message.received')
  expect(client.of('message.received')).toHaveLength(1)
  // Back to agent, and into the team that has it: no event says so, the next look finds it.
  await hub.signIn('agent', { sub: 'ana' })
  await client.next('reset')
  const team = await buildTeam(hub, [ana])
  await inTenant(hub.deps, hub.tenant.id, (tx) =>
    tx.query('update conversations set assignee_id = null, team_id = $2 where tenant_id = $1', [
      tx.tenantId,
      team,
    ]),
  )
  // Which reset is for the team nobody can tell: a change that a look finds before its event comes is told twice. What is
  // written before she is known to be in it belongs to the snapshot; what is written afterwards she hears.
  await eventually(
    async () => {
      await customerWrites(hub, conversation.id, 'for the team')
      expect(client.of('message.received').length).toBeGreaterThan(1)
    },
    10_000,
    200,
  )
  expect(client.of('reset').length).toBeGreaterThan(2)
  expect(client.faults).toEqual([])
})

/** The head, once a client that is there has heard of it. */
async function headHeardBy(hub: GatewayHub, client: { position: string | undefined }): Promise<string> {
  const head = formatPosition(await readHead(hub.deps, hub.tenant.id))
  await eventually(() => expect(client.position).toBe(head))
  return head
}

test('[GW11] [SYN2] whose role changed while they were away starts from a snapshot, by memory and by the log', async () => {
  await using hub = await startGatewayHub({ SOCKET_TAIL_EVENTS: '10' })
  const { actor } = await hub.signIn('agent', { sub: 'ana' })
  const witness = hub.connect()
  await witness.next('caught-up')
  const before = await headHeardBy(hub, witness)
  const manager = await hub.signIn('manager', { sub: 'ana' })
  expect(manager.actor.id).toBe(actor.id)
  await hub.happen()
  const after = await headHeardBy(hub, witness)
  const comeBack = async (position: string) => {
    const client = hub.connect({ token: manager.token, position })
    await client.next('caught-up')
    client.close()
    return client.of('reset').map(({ reason }) => reason)
  }
  expect(await comeBack(before)).toEqual(['access_changed'])
  expect(await comeBack(after)).toEqual([])
  await hub.happen(40)
  const head = await headHeardBy(hub, witness)
  expect(await comeBack(before)).toEqual(['access_changed'])
  expect(await comeBack(after)).toEqual([])
  const read = (position: string) =>
    readNews(hub.deps, manager.actor, { after: parsePosition(position) as Position, limit: 100 })
  await expect(read(before)).rejects.toMatchObject({
    code: 'log_position_gone',
    details: { reason: 'access_changed', position: head },
  })
  expect((await read(after)).events).toHaveLength(40)
})

test('[GW11] [SYN2] whoever comes in before the gateway has heard of the change is reset when it does', async () => {
  await using hub = await startGatewayHub({ POLL_MS: '2000' })
  const ana = await hub.signIn('agent', { sub: 'ana' })
  const witness = hub.connect({ token: ana.token })
  await witness.next('caught-up')
  const position = await headHeardBy(hub, witness)
  // What rings in this process is heard by nobody, so the gateway learns by its poll.
  const deaf = { ...hub.deps, doorbell: silentDoorbell }
  const token = hub.token('manager', { sub: 'ana' })
  await authenticate(deaf, token)
  const client = hub.connect({ token, position })
  await client.next('caught-up')
  expect(await client.next('reset')).toMatchObject({ reason: 'access_changed' })
  await headHeardBy(hub, client)
})
