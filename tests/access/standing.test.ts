import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { type Actor, presentActor, type UserActor } from '../../src/auth/actor.ts'
import { authenticate } from '../../src/auth/authenticate.ts'
import type { Role } from '../../src/contract/records.ts'
import type { NewChannel } from '../../src/contract/rest/channels.ts'
import { createChannel } from '../../src/domain/channels/create-channel.ts'
import { removeChannel } from '../../src/domain/channels/remove-channel.ts'
import { setMembers } from '../../src/domain/channels/set-members.ts'
import { updateChannel } from '../../src/domain/channels/update-channel.ts'
import { createKey } from '../../src/domain/keys/create-key.ts'
import { revokeKey } from '../../src/domain/keys/revoke-key.ts'
import { changePassword } from '../../src/domain/sign-in/change-password.ts'
import { endSessions } from '../../src/domain/sign-in/end-sessions.ts'
import { makePasswordToken } from '../../src/domain/sign-in/password-token.ts'
import { deleteTeam } from '../../src/domain/teams/delete-team.ts'
import { createTeam, updateTeam } from '../../src/domain/teams/update-team.ts'
import { changeSettings } from '../../src/domain/tenants/change-settings.ts'
import { setTenantStatus } from '../../src/domain/tenants/set-tenant-status.ts'
import { changeUser } from '../../src/domain/users/change-user.ts'
import { inviteUser } from '../../src/domain/users/invite-user.ts'
import { inTenant, type TenantTx } from '../../src/log/tenant-tx.ts'
import { asSuperuser } from '../cli/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { addUser, goodPassword, on, signedIn } from './sign-in-hub.ts'

const operator = (hub: Hub) => ({
  actor: { kind: 'system' as const, tenantId: hub.tenant.id, name: 'a test' },
})
const as = <T>(hub: Hub, actor: Actor, work: (tx: TenantTx) => Promise<T>) =>
  inTenant(hub.deps, hub.tenant.id, work, presentActor(actor))
const byOperator = <T>(hub: Hub, work: (tx: TenantTx) => Promise<T>) => as(hub, operator(hub).actor, work)

const plain = { name: 'a key', role: 'admin' as Role, scopes: [], expiresAt: null, ratePerMinute: null }

/** A key as it is remembered once it came in. */
async function keyActor(hub: Hub, more: Partial<typeof plain | { expiresAt: Date }> = {}): Promise<Actor> {
  const { key } = await byOperator(hub, (tx) => createKey(tx, operator(hub), { ...plain, ...more }))
  return (await authenticate(hub.deps, key)).actor
}

let numbers = 0
/** A number of Meta's that nobody has. */
const number = (): NewChannel => {
  numbers += 1
  const id = `${10 ** 14 + numbers}`
  const secrets = { accessToken: 'a', appSecret: 'b', verifyToken: 'c' }
  return {
    provider: 'whatsapp-cloud',
    name: id,
    phoneNumberId: id,
    wabaId: '1',
    displayPhoneNumber: '1',
    ...secrets,
  }
}
const connected = async (hub: Hub) =>
  (await byOperator(hub, (tx) => createChannel(tx, hub.deps, operator(hub), number()))).id

/** All that gives or takes power, and what changes the house, each once, on things of its own. */
async function deedsOf(hub: Hub, actor: Actor): Promise<Record<string, () => Promise<unknown>>> {
  const { deps, config } = hub
  const by = { actor }
  const invitation = (role: Role) => ({
    email: `${crypto.randomUUID()}@example.com`,
    name: 'Somebody',
    role,
    teamIds: [],
    channelIds: [],
  })
  const things = await byOperator(hub, async (tx) => ({
    key: (await createKey(tx, operator(hub), plain)).view.id,
    user: (await inviteUser(tx, deps, operator(hub), invitation('agent'))).id,
    team: (await createTeam(tx, config, operator(hub), { name: crypto.randomUUID(), memberIds: [] })).id,
    doomed: (await createTeam(tx, config, operator(hub), { name: crypto.randomUUID(), memberIds: [] })).id,
  }))
  const [channelId, doomed] = [await connected(hub), await connected(hub)]
  const does = (work: (tx: TenantTx) => Promise<unknown>) => () => as(hub, actor, work)
  return {
    createKey: does((tx) => createKey(tx, by, plain)),
    revokeKey: does((tx) => revokeKey(tx, by, things.key)),
    role: does((tx) => changeUser(tx, by, things.user, { role: 'manager' })),
    disable: does((tx) => changeUser(tx, by, things.user, { status: 'disabled' })),
    enable: does((tx) => changeUser(tx, by, things.user, { status: 'active' })),
    inviteUser: does((tx) => inviteUser(tx, deps, by, invitation('admin'))),
    makePasswordToken: does((tx) => makePasswordToken(tx, config, by, things.user)),
    createChannel: does((tx) => createChannel(tx, deps, by, number())),
    updateChannel: does((tx) => updateChannel(tx, deps, by, channelId, { name: crypto.randomUUID() }, null)),
    removeChannel: does((tx) => removeChannel(tx, deps, by, doomed, null)),
    settings: does((tx) => changeSettings(tx, by, { name: crypto.randomUUID() })),
    setMembers: does((tx) => setMembers(tx, deps, by, channelId, { membersOnly: true, memberIds: [] })),
    createTeam: does((tx) => createTeam(tx, config, by, { name: crypto.randomUUID(), memberIds: [] })),
    updateTeam: does((tx) => updateTeam(tx, by, things.team, { memberIds: [things.user] })),
    deleteTeam: does((tx) => deleteTeam(tx, config, by, things.doomed, null, null)),
  }
}

const outcomeOf = (deed: () => Promise<unknown>): Promise<unknown> =>
  deed().then(
    () => 'done',
    (error: unknown) => error,
  )

/** What is written by everybody, so that what was refused is seen to have written nothing. */
const written = (hub: Hub) =>
  asSuperuser(hub, async (query) => {
    const { rows } = await query(
      'select (select count(*) from events)::integer as events, (select count(*) from audit_logs)::integer as trail',
    )
    return rows[0] as object
  })

async function allRefused(hub: Hub, deeds: Awaited<ReturnType<typeof deedsOf>>, code: string): Promise<void> {
  const before = await written(hub)
  for (const [name, deed] of Object.entries(deeds)) await expect(deed(), name).rejects.toMatchObject({ code })
  expect(await written(hub)).toEqual(before)
}

test('[RGT19] while they may come in, an admin, one who signed in with a password, and a key give and take power', async () => {
  const hub = await startHub(on)
  await using _ = hub
  const rest = await startRestOf(hub)
  await addUser(hub, 'boss@example.com', 'admin')
  const { token } = await signedIn(rest, 'boss@example.com')
  const signed = (await authenticate(hub.deps, token)).actor
  expect(signed).toHaveProperty('sessionId')
  const soon = new Date(Date.now() + 3_600_000)
  for (const actor of [(await hub.signIn('admin')).actor, signed, await keyActor(hub)])
    for (const [name, deed] of Object.entries(await deedsOf(hub, actor)))
      expect(await outcomeOf(deed), `${actor.kind} ${name}`).toBe('done')
  const passing = await keyActor(hub, { expiresAt: soon })
  await expect((await deedsOf(hub, passing))['revokeKey']?.()).resolves.toMatchObject({ changed: true })
})

test('[RGT19] an admin who was disabled, or is none any more, gives and takes nothing, whatever a process remembers of them', async () => {
  const hub = await startHub(on)
  await using _ = hub
  const { actor } = await hub.signIn('admin', { sub: 'boss' })
  const deeds = await deedsOf(hub, actor)
  const change = (to: Parameters<typeof changeUser>[3]) =>
    byOperator(hub, (tx) => changeUser(tx, operator(hub), actor.id, to))
  await change({ status: 'disabled' })
  const back = () => as(hub, actor, (tx) => changeUser(tx, { actor }, actor.id, { status: 'active' }))
  await allRefused(hub, { ...deeds, back }, 'user_disabled')
  await change({ status: 'active', role: 'agent' })
  const rise = () => as(hub, actor, (tx) => changeUser(tx, { actor }, actor.id, { role: 'admin' }))
  await allRefused(hub, { ...deeds, rise }, 'forbidden')
  await change({ role: 'admin' })
  await expect(deeds['createKey']?.()).resolves.toMatchObject({ view: { role: 'admin' } })
})

test('[RGT19] a key that was revoked or is over, a sign-in that ended and whoever is of a suspended tenant give and take nothing', async () => {
  const hub = await startHub(on)
  await using _ = hub
  const rest = await startRestOf(hub)
  const revoked = (await keyActor(hub)) as Actor & { id: string }
  const ofRevoked = await deedsOf(hub, revoked)
  await byOperator(hub, (tx) => revokeKey(tx, operator(hub), revoked.id))
  const again = () => as(hub, revoked, (tx) => revokeKey(tx, { actor: revoked }, revoked.id))
  await allRefused(hub, { ...ofRevoked, again }, 'unauthorized')

  const over = (await keyActor(hub)) as Actor & { id: string }
  const ofOver = await deedsOf(hub, over)
  await asSuperuser(hub, (query) =>
    query(`update api_keys set expires_at = now() - interval '1 minute' where id = $1`, [over.id]),
  )
  await allRefused(hub, ofOver, 'token_expired')

  const userId = await addUser(hub, 'boss@example.com', 'admin')
  const signed = (await authenticate(hub.deps, (await signedIn(rest, 'boss@example.com')).token)).actor
  const ofSigned = await deedsOf(hub, signed)
  await byOperator(hub, (tx) => endSessions(tx, operator(hub), userId, { except: null }))
  await allRefused(hub, ofSigned, 'unauthorized')

  const whole = await keyActor(hub)
  const boss = (await hub.signIn('admin', { sub: 'boss' })).actor
  const all = { ...(await deedsOf(hub, whole)), ...prefixed(await deedsOf(hub, boss)) }
  await byOperator(hub, (tx) => setTenantStatus(tx, operator(hub), 'suspended'))
  await allRefused(hub, all, 'tenant_suspended')
  await byOperator(hub, (tx) => setTenantStatus(tx, operator(hub), 'active'))
  await expect(all['createKey']?.()).resolves.toMatchObject({ view: { role: 'admin' } })
})

const prefixed = (deeds: Awaited<ReturnType<typeof deedsOf>>) =>
  Object.fromEntries(Object.entries(deeds).map(([name, deed]) => [`user ${name}`, deed]))

test('[RGT19] over REST: who is still remembered at the door makes no heir and does not let themselves in again', async () => {
  const hub = await startHub()
  await using _ = hub
  await hub.signIn('admin')
  const { token: boss, actor } = await hub.signIn('admin', { sub: 'boss' })
  const { key, view } = await byOperator(hub, (tx) => createKey(tx, operator(hub), plain))
  const rest = await startRestOf(hub)
  const json = { name: 'keys', role: 'admin' }
  const heir = (token: string) => rest.call<{ code?: string }>('POST', '/admin/api-keys', { token, json })
  const areIn = async () => {
    for (const token of [key, boss]) expect((await rest.call('GET', '/admin/me', { token })).status).toBe(200)
  }
  await areIn()
  // Without an event, so that nothing forgets them.
  await asSuperuser(hub, async (query) => {
    await query('update api_keys set revoked_at = now() where id = $1', [view.id])
    await query(`update users set status = 'disabled' where id = $1`, [actor.id])
  })
  await areIn()
  expect(await heir(key)).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
  expect(await heir(boss)).toMatchObject({ status: 403, body: { code: 'user_disabled' } })
  const enable = await rest.refused('POST', `/admin/users/${actor.id}/enable`, { token: boss, json: {} })
  expect(enable).toMatchObject({ status: 403, code: 'user_disabled' })
  await asSuperuser(hub, async (query) => {
    await query('update api_keys set revoked_at = null where id = $1', [view.id])
    await query(`update users set status = 'active' where id = $1`, [actor.id])
  })
  for (const token of [key, boss]) expect((await heir(token)).status).toBe(201)
})

test('[RGT19] an end that comes while something is given waits for it, and is answered after it', async () => {
  const hub = await startHub()
  await using _ = hub
  const key = (await keyActor(hub)) as Actor & { id: string }
  let isEnded = false
  const { promise: open, resolve: letGo } = Promise.withResolvers<void>()
  const { promise: given, resolve: isGiven } = Promise.withResolvers<void>()
  const giving = as(hub, key, async (tx) => {
    await createKey(tx, { actor: key }, plain)
    isGiven()
    await open
  })
  await given
  const ending = byOperator(hub, (tx) => revokeKey(tx, operator(hub), key.id)).then(() => {
    isEnded = true
  })
  await eventually(async () => {
    const waiting = await asSuperuser(hub, (query) =>
      query(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`),
    )
    expect(waiting.rowCount).toBe(1)
  })
  expect(isEnded).toBe(false)
  letGo()
  await Promise.all([giving, ending])
  await expect(as(hub, key, (tx) => createKey(tx, { actor: key }, plain))).rejects.toMatchObject({
    code: 'unauthorized',
  })
})

test('[RGT19] of two admins who disable each other at once, and two keys that end each other, one does it and the other is out', async () => {
  const hub = await startHub()
  await using _ = hub
  await hub.signIn('admin')
  const [one, other] = [await hub.signIn('admin', { sub: 'a' }), await hub.signIn('admin', { sub: 'b' })]
  const disable = (by: Actor, id: string) =>
    as(hub, by, (tx) => changeUser(tx, { actor: by }, id, { status: 'disabled' }))
  expect(await oneOf([disable(one.actor, other.actor.id), disable(other.actor, one.actor.id)])).toMatchObject(
    { code: 'user_disabled' },
  )
  const keys = [await keyActor(hub), await keyActor(hub)] as [Actor & { id: string }, Actor & { id: string }]
  const end = (by: Actor, id: string) => as(hub, by, (tx) => revokeKey(tx, { actor: by }, id))
  expect(await oneOf([end(keys[0], keys[1].id), end(keys[1], keys[0].id)])).toMatchObject({
    code: 'unauthorized',
  })
})

/** Why the other one failed. */
async function oneOf(work: readonly Promise<unknown>[]): Promise<unknown> {
  const outcomes = await Promise.allSettled(work)
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  return outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))[0]
}

describe('[RGT19] the own password', () => {
  const better = 'a better horse battery'
  const change = (hub: Hub, actor: Actor, currentPassword = goodPassword, newPassword = better) =>
    changePassword(hub.deps, { actor: actor as UserActor }, { currentPassword, newPassword })
  const comeIn = async (hub: Hub, rest: RestClient, email: string) =>
    (await authenticate(hub.deps, (await signedIn(rest, email)).token)).actor

  test('is changed by nobody whose sign-in ended, who was disabled, or whose tenant was suspended, whatever is remembered', async () => {
    const hub = await startHub(on)
    await using _ = hub
    const rest = await startRestOf(hub)
    const id = await addUser(hub, 'ana@example.com')
    const thief = await comeIn(hub, rest, 'ana@example.com')
    await byOperator(hub, (tx) => endSessions(tx, operator(hub), id, { except: null }))
    await allRefused(hub, { thief: () => change(hub, thief) }, 'unauthorized')

    const ana = await comeIn(hub, rest, 'ana@example.com')
    const setTo = (status: 'active' | 'disabled') =>
      asSuperuser(hub, (query) => query('update users set status = $2 where id = $1', [id, status]))
    await setTo('disabled')
    await allRefused(hub, { ana: () => change(hub, ana) }, 'user_disabled')
    await setTo('active')
    await byOperator(hub, (tx) => setTenantStatus(tx, operator(hub), 'suspended'))
    await allRefused(hub, { ana: () => change(hub, ana) }, 'tenant_suspended')
    await byOperator(hub, (tx) => setTenantStatus(tx, operator(hub), 'active'))
    await change(hub, ana)
    expect(await signedIn(rest, 'ana@example.com', better)).toHaveProperty('token')
  })

  test('changed by two sign-ins at once is changed by one; the other is out', async () => {
    const hub = await startHub(on)
    await using _ = hub
    const rest = await startRestOf(hub)
    await addUser(hub, 'ana@example.com')
    const here = await comeIn(hub, rest, 'ana@example.com')
    const there = await comeIn(hub, rest, 'ana@example.com')
    const holder = new pg.Client({ connectionString: hub.config.DATABASE_URL })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select 1 from user_passwords for update')
    const both = oneOf([change(hub, here), change(hub, there, goodPassword, 'quite another battery')])
    await eventually(async () => {
      const waiting = await asSuperuser(hub, (query) =>
        query(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        ),
      )
      expect(waiting.rowCount).toBe(2)
    })
    await holder.query('commit')
    await holder.end()
    const outcome = await both
    expect(outcome).toMatchObject({ code: 'unauthorized' })
    const deadlocks = await asSuperuser(hub, (query) =>
      query('select deadlocks from pg_stat_database where datname = current_database()'),
    )
    expect(deadlocks.rows).toEqual([{ deadlocks: '0' }])
  })

  test('over REST: who is still remembered at the door is told so', async () => {
    const hub = await startHub(on)
    await using _ = hub
    const rest = await startRestOf(hub)
    const id = await addUser(hub, 'ana@example.com')
    const { token } = await signedIn(rest, 'ana@example.com')
    expect((await rest.call('GET', '/admin/me', { token })).status).toBe(200)
    await asSuperuser(hub, (query) => query(`update users set status = 'disabled' where id = $1`, [id]))
    const json = { currentPassword: goodPassword, newPassword: better }
    const refused = await rest.refused('POST', '/api/auth/password', { token, json })
    expect(refused).toMatchObject({ status: 403, code: 'user_disabled' })
  })
})
