import { hostname, userInfo } from 'node:os'
import { expect, test } from 'vitest'
import { authenticate } from '../../src/auth/authenticate.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { startHub } from '../harness/hub.ts'
import { cli, cliJson, trailOf } from './cli.ts'

const operator = `operator ${userInfo().username}@${hostname()}`

test('[CLI3] a tenant is made, listed, suspended and resumed, and the trail says who did it', async () => {
  await using hub = await startHub()
  const made = await cliJson<{ id: string; slug: string; name: string }>(
    hub.environment,
    ...'tenant create acme-berlin --name Acme --time-zone Europe/Berlin'.split(' '),
  )
  expect(made).toMatchObject({ code: 0, answer: { slug: 'acme-berlin', name: 'Acme' } })
  const listed = await cliJson<{ tenants: { slug: string; status: string }[] }>(
    hub.environment,
    'tenant',
    'list',
  )
  expect(listed.code).toBe(0)
  expect(listed.answer.tenants.map(({ slug, status }) => ({ slug, status }))).toEqual([
    { slug: 'main', status: 'active' },
    { slug: 'acme-berlin', status: 'active' },
  ])
  const token = hub.token('agent', { tenant: 'acme-berlin' })
  await expect(authenticate(hub.deps, token)).resolves.toBeDefined()

  const suspended = await cli(hub.environment, 'tenant', 'suspend', 'acme-berlin')
  expect(suspended).toEqual({ code: 0, stdout: 'tenant acme-berlin is suspended\n', stderr: '' })
  await expect(authenticate(hub.deps, token)).rejects.toMatchObject({ code: 'tenant_suspended' })
  expect(await cliJson(hub.environment, 'tenant', 'suspend', 'acme-berlin')).toMatchObject({
    answer: { changed: false, tenant: { status: 'suspended' } },
  })
  expect(await cliJson(hub.environment, 'tenant', 'resume', 'acme-berlin')).toMatchObject({
    answer: { changed: true, tenant: { status: 'active' } },
  })
  await expect(authenticate(hub.deps, token)).resolves.toBeDefined()
  expect((await trailOf(hub, made.answer.id)).map(({ action, actor }) => [action, actor.name])).toEqual([
    ['tenant.create', operator],
    ['tenant.suspend', operator],
    ['tenant.resume', operator],
  ])

  expect(await cli(hub.environment, 'tenant', 'create', 'acme-berlin')).toMatchObject({
    code: 1,
    stderr: 'switchboard: there is a tenant acme-berlin already\n',
  })
  expect(await cli(hub.environment, 'tenant', 'suspend', 'nobody')).toMatchObject({ code: 1 })
  for (const slug of ['Acme', '-acme', 'a'.repeat(64), 'a_b'])
    expect((await cli(hub.environment, 'tenant', 'create', `--`, slug)).code).toBe(2)
  expect((await cli(hub.environment, 'tenant', 'create', 'b', '--time-zone', 'Mars/Base')).code).toBe(2)
}, 60_000)

test('[CLI3] [RGT5] an operator says how much a tenant may have, and takes it back', async () => {
  await using hub = await startHub()
  const limit = (...more: string[]) =>
    cliJson<{ limits: Record<string, number> }>(hub.environment, 'tenant', 'limit', 'main', ...more)
  expect(await limit('--users', '3', '--teams', '0')).toMatchObject({
    code: 0,
    answer: { limits: { users: 3, teams: 0 } },
  })
  expect((await limit('--teams', 'default')).answer.limits).toEqual({ users: 3 })
  for (const wrong of [[], ['--users', 'many']])
    expect((await cli(hub.environment, 'tenant', 'limit', 'main', ...wrong)).code).toBe(2)
  const trail = await trailOf(hub, hub.tenant.id)
  expect(trail.filter(({ action }) => action === 'tenant.update')).toHaveLength(2)
}, 60_000)

test('[CLI3] [GW11] K2: open sockets end when their tenant is suspended or their user disabled, and hear of a new role', async () => {
  await using hub = await startGatewayHub()
  const other = await hub.addTenant('other')
  const zoe = hub.connect({ token: hub.token('agent', { tenant: other.slug }) })
  const ana = hub.connect({ token: hub.token('agent', { sub: 'ana' }) })
  const ben = hub.connect({ token: hub.token('agent', { sub: 'ben' }) })
  for (const client of [zoe, ana, ben]) await client.next('caught-up')

  const suspend = await cli(hub.environment, 'tenant', 'suspend', other.slug)
  const suspendedAt = performance.now()
  expect(suspend.code).toBe(0)
  expect(await zoe.next('bye')).toMatchObject({ code: 'access_revoked' })
  const disable = await cli(hub.environment, 'user', 'disable', 'ana', '--tenant', 'main')
  expect(disable.code).toBe(0)
  expect(await ana.next('bye')).toMatchObject({ code: 'access_revoked' })
  const role = await cli(hub.environment, 'user', 'role', 'ben', 'manager', '--tenant', 'main')
  expect(role.stdout).toBe('ben is now manager\n')
  expect(await ben.next('reset')).toMatchObject({ reason: 'access_changed' })
  expect(performance.now() - suspendedAt).toBeLessThan(15_000)
}, 60_000)

test('[CLI3] [GW5] a new epoch is told to open sockets, kept in the trail, and asked for by name or for all', async () => {
  await using hub = await startGatewayHub({ POLL_MS: '100' })
  const ana = hub.connect()
  await ana.next('caught-up')
  await hub.happen(5)
  await ana.next('consent.changed', () => ana.of('consent.changed').length === 5)
  const begun = await cliJson<{ epochs: { tenant: string; before: string; after: string }[] }>(
    hub.environment,
    ...'log new-epoch --tenant main'.split(' '),
  )
  expect(begun).toEqual({ code: 0, answer: { epochs: [{ tenant: 'main', before: '1:6', after: '2:0' }] } })
  expect(await ana.next('reset')).toEqual({ reason: 'epoch', position: '2:0' })
  await hub.happen(1)
  expect(await ana.next('consent.changed', ({ epoch }) => epoch === 2)).toMatchObject({ seq: 1 })
  expect(await trailOf(hub)).toContainEqual({
    action: 'log.new-epoch',
    actor: { kind: 'system', name: operator },
  })
  expect((await cli(hub.environment, 'verify-log')).code).toBe(0)

  await hub.addTenant('other')
  const all = await cli(hub.environment, 'log', 'new-epoch', '--all')
  expect(all.stdout).toMatch(/^main +2:1 +3:0$/m)
  expect(all.stdout).toMatch(/^other +1:0 +2:0$/m)
  expect((await cli(hub.environment, 'log', 'new-epoch', '--all', '--tenant', 'main')).code).toBe(2)
}, 60_000)

test('users are listed, found in three ways, and one who is meant twice is asked for by id', async () => {
  await using hub = await startHub()
  const ana = await hub.signIn('agent', { sub: 'ana', name: 'Ana' })
  await hub.signIn('admin', { sub: 'ben', name: 'Ben' })
  const list = await cliJson<{ users: { name: string; role: string }[] }>(
    hub.environment,
    ...'user list --tenant main'.split(' '),
  )
  expect(list.answer.users.map(({ name, role }) => [name, role])).toEqual([
    ['Ana', 'agent'],
    ['Ben', 'admin'],
  ])
  const admins = await cli(hub.environment, ...'user list --tenant main --role admin --limit 1'.split(' '))
  expect(admins.stdout.split('\n')).toHaveLength(3)

  const byId = await cliJson(hub.environment, 'user', 'disable', ana.actor.id, '--tenant', 'main')
  expect(byId).toMatchObject({ code: 0, answer: { changed: true, user: { status: 'disabled', version: 2 } } })
  await expect(authenticate(hub.deps, ana.token)).rejects.toMatchObject({ code: 'user_disabled' })
  const enabled = await cli(hub.environment, 'user', 'enable', 'ana', '--tenant', 'main')
  expect(enabled.stdout).toBe('Ana (agent) is active\n')
  expect((await trailOf(hub)).map((row) => row.action).slice(-2)).toEqual(['user.disable', 'user.enable'])
  const events = await cli(hub.environment, 'replay', '--tenant', 'main')
  expect(events.stdout.match(/"type":"user\.[a-z]+"/g)?.slice(-2)).toEqual([
    '"type":"user.disabled"',
    '"type":"user.updated"',
  ])

  const other = await hub.addTenant()
  const stranger = await cli(hub.environment, 'user', 'disable', ana.actor.id, '--tenant', other.slug)
  expect(stranger.code).toBe(1)
  expect((await cli(hub.environment, 'user', 'role', 'ana', 'boss', '--tenant', 'main')).code).toBe(2)
}, 60_000)

test('[CLI7] a key is shown once, lets a program in with its scopes, and is revoked', async () => {
  await using hub = await startHub()
  const made = await cliJson<{
    key: string
    id: string
    prefix: string
    scopes: string[]
    expiresAt: string
  }>(
    hub.environment,
    ...'key create --tenant main --name n8n --role agent --scope message.send --scope conversation.read --expires 90d'.split(
      ' ',
    ),
  )
  expect(made.code).toBe(0)
  const { key, prefix, id } = made.answer
  expect(Date.parse(made.answer.expiresAt) - Date.now()).toBeGreaterThan(89 * 86_400_000)
  expect(await authenticate(hub.deps, key)).toMatchObject({
    actor: { kind: 'key', id, role: 'agent', scopes: ['message.send', 'conversation.read'] },
  })

  const alone = await cli(hub.environment, ...'key create --tenant main --name x --role viewer'.split(' '))
  expect(alone.stdout).toMatch(/^sb_[\w-]{43}\n$/)
  expect(alone.stderr).toContain('the only time that it is shown')

  const listed = await cli(hub.environment, 'key', 'list', '--tenant', 'main')
  expect(listed.stdout).toMatch(new RegExp(`^${prefix} +n8n +agent +active `, 'm'))
  expect(listed.stdout).not.toContain(key)
  const revoked = await cli(hub.environment, 'key', 'revoke', prefix, '--tenant', 'main')
  expect(revoked.stdout).toBe(`key ${prefix} (n8n) is revoked\n`)
  await expect(authenticate(hub.deps, key)).rejects.toMatchObject({ code: 'unauthorized' })
  expect(await cliJson(hub.environment, 'key', 'revoke', id, '--tenant', 'main')).toMatchObject({
    answer: { changed: false },
  })
  const trail = await trailOf(hub)
  expect(trail.map((row) => row.action).slice(-3)).toEqual(['key.create', 'key.create', 'key.revoke'])
  expect(JSON.stringify(trail)).not.toContain(key)

  const create = ['key', 'create', '--tenant', 'main', '--name', 'x', '--role', 'viewer']
  for (const wrong of [
    ['--scope', 'fly'],
    ['--expires', '2020-01-01'],
    ['--expires', 'soon'],
  ])
    expect((await cli(hub.environment, ...create, ...wrong)).code).toBe(2)
  expect(await cli(hub.environment, 'key', 'revoke', 'sb_nothing', '--tenant', 'main')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'switchboard: there is no key sb_nothing; switchboard key list --tenant main shows them\n',
  })
}, 60_000)

test.each([
  ['tenant', 'list'],
  ['user', 'list', '--tenant', 'main'],
  ['key', 'list', '--tenant', 'main'],
  ['migrate', 'status'],
  ['migrate', 'up'],
  ['verify-log'],
  ['replay', '--tenant', 'main'],
  ['redrive'],
  ['log', 'new-epoch', '--all'],
  ['doctor'],
])('[CLI1] %s ends with 69 when the database is away, and says so', async (...args) => {
  const environment = {
    NODE_ENV: 'test',
    DATA_DIR: '/nonexistent',
    JWT_SECRET: 'a-secret',
    ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
    DATABASE_URL: 'postgres://hub:secret-word@127.0.0.1:1/hub',
  }
  const { code, stdout, stderr } = await cli(environment, ...args)
  expect(code).toBe(69)
  expect(stdout + stderr).toContain('ECONNREFUSED')
  expect(stdout + stderr).not.toContain('secret-word')
})
