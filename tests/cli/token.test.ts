import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import jwt from 'jsonwebtoken'
import { expect, test } from 'vitest'
import { authenticate } from '../../src/auth/authenticate.ts'
import { startHub } from '../harness/hub.ts'
import { cli, cliJson, production } from './cli.ts'

interface Made {
  token: string
  role: string
  tenant: string
  issuer: string
  subject: string
  name: string
  expiresAt: string
}

test('a token lets its bearer in as who it says, and stands alone on standard output', async () => {
  await using hub = await startHub()
  const { slug } = await hub.addTenant()
  const { code, stdout, stderr } = await cli(
    hub.environment,
    ...`token --role manager --tenant ${slug} --sub ana --name Ana --email ana@x.example`.split(' '),
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const entry = await authenticate(hub.deps, stdout.trim())
  expect(entry.tenant.slug).toBe(slug)
  expect(entry.actor).toMatchObject({ role: 'manager', name: 'Ana', email: 'ana@x.example' })
})

test('without more than a role it is somebody of the default tenant, for an hour, by the first issuer', async () => {
  await using hub = await startHub({ JWT_ISSUER: 'platform,cms' })
  const { code, answer } = await cliJson<Made>(hub.environment, 'token', '--role', 'agent')
  expect(code).toBe(0)
  expect(answer).toMatchObject({
    role: 'agent',
    tenant: 'main',
    issuer: 'platform',
    subject: 'demo-agent',
    name: 'demo-agent',
  })
  const left = Date.parse(answer.expiresAt) - Date.now()
  expect(left).toBeGreaterThan(3_590_000)
  expect(left).toBeLessThanOrEqual(3_600_000)
  const entry = await authenticate(hub.deps, answer.token)
  expect(entry.expiresAt.toISOString()).toBe(answer.expiresAt)
})

test('a token lives for JWT_MAX_AGE at most: right there it is good, a second more is refused', async () => {
  await using hub = await startHub({ JWT_MAX_AGE: '5400' })
  const longest = await cli(hub.environment, 'token', '--role', 'agent', '--ttl', '90m')
  expect(longest.code).toBe(0)
  await expect(authenticate(hub.deps, longest.stdout.trim())).resolves.toBeDefined()
  const longer = await cli(hub.environment, 'token', '--role', 'agent', '--ttl', '5401s')
  expect(longer.code).toBe(2)
  expect(longer.stderr).toContain('5400 s at most')
})

test('[CFG3] it is signed with the secret that development made, and needs no server', async () => {
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'switchboard-cli-token-'))
  const { code, stdout } = await cli({ DATA_DIR }, 'token', '--role', 'viewer')
  expect(code).toBe(0)
  const secret = readFileSync(join(DATA_DIR, 'secrets/jwt-secret'), 'utf8').trim()
  expect(jwt.verify(stdout.trim(), secret, { algorithms: ['HS256'] })).toMatchObject({
    role: 'viewer',
    iss: 'cms',
  })
})

test('[CLI4] production makes none, except for who insists', async () => {
  await using hub = await startHub()
  const environment = { ...hub.environment, ...production }
  const refused = await cli(environment, 'token', '--role', 'admin')
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('this is production')
  const made = await cli(environment, 'token', '--role', 'admin', '--i-know')
  expect(made.code).toBe(0)
  await expect(authenticate(hub.deps, made.stdout.trim())).resolves.toBeDefined()
})
