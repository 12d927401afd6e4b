import { mkdtempSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import jwt from 'jsonwebtoken'
import { inject } from 'vitest'
import { authenticate } from '../../src/auth/authenticate.ts'
import type { Entry } from '../../src/auth/entry.ts'
import type { Role } from '../../src/contract/records.ts'
import { type Deps, openDeps, type ServedConfig } from '../../src/deps.ts'
import { createTenant } from '../../src/domain/tenants/create-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { type Environment, readConfig } from '../../src/platform/config.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { createDatabase } from './database.ts'

export const testJwtSecret = 'a-secret-of-the-tests-that-is-long-enough-for-hs256'

/** The environment of a process of this test: a database of its own, a key prefix of its own, the run's servers. */
export function testEnvironment(databaseUrl: string, more: Environment = {}): Environment {
  const s3 = inject('s3')
  return {
    NODE_ENV: 'test',
    // Hundreds of starts of a few programs: what they compile to is kept, which halves their cost.
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: databaseUrl,
    REDIS_URL: inject('redisUrl'),
    REDIS_PREFIX: `{t-${randomBytes(4).toString('hex')}}`,
    S3_ENDPOINT: s3.endpoint,
    S3_REGION: s3.region,
    S3_ACCESS_KEY: s3.accessKey,
    S3_SECRET_KEY: s3.secretKey,
    S3_BUCKET: `test-${randomBytes(6).toString('hex')}`,
    DATA_DIR: mkdtempSync(join(tmpdir(), 'switchboard-test-data-')),
    JWT_SECRET: testJwtSecret,
    // Nobody is there: a test that wants a network plays one.
    GRAPH_API_URL: 'http://127.0.0.1:9/v23.0',
    ...more,
  }
}

export interface Hub extends AsyncDisposable {
  readonly deps: Deps
  readonly config: ServedConfig
  /** What a child process needs to be part of this hub. */
  readonly environment: Environment
  readonly tenant: { id: string; slug: string; name: string }
  addTenant(slug?: string): Promise<{ id: string; slug: string; name: string }>
  /** A token of the CMS for a user of this tenant (made here, verified by the hub). */
  token(role: Role, more?: { sub?: string; name?: string; tenant?: string; ttlSeconds?: number }): string
  /** Signs a user in, which creates it. */
  signIn(
    role: Role,
    more?: { sub?: string; name?: string; tenant?: string },
  ): Promise<Entry & { token: string }>
  /** A channel row of its own, connected, for a network that this test plays. */
  addChannel(options: TestChannel): Promise<{ id: string; webhookKey: string }>
  /** Things to close with the hub, the last added first. */
  onClose(close: () => Promise<unknown>): void
}

export interface TestChannel {
  readonly provider: 'whatsapp-cloud' | 'evolution' | 'fake'
  readonly settings: Record<string, string>
  readonly secrets: Record<string, string>
  readonly externalId: string
  readonly accountId?: string
  readonly tenant?: string
}

/**
 * A hub on real servers: its own database, its own part of Redis, one tenant. Nothing runs yet; tests start the
 * gateways, REST servers and workers that they want with `hub.deps` (or more deps from `openDeps(hub.config, …)`).
 */
export async function startHub(more: Environment = {}): Promise<Hub> {
  const database = await createDatabase()
  const environment = testEnvironment(database.url, more)
  const config = readConfig(environment) as ServedConfig
  const deps = openDeps(config, 'test')
  const closers: (() => Promise<unknown>)[] = [() => deps.close()]
  const tenant = await createTenant(deps, { slug: 'main', name: 'Main' })

  const token: Hub['token'] = (
    role,
    { sub = `${role}-1`, name, tenant: slug = tenant.slug, ttlSeconds = 3600 } = {},
  ) =>
    jwt.sign({ role, name: name ?? sub, tenant_id: slug }, testJwtSecret, {
      algorithm: 'HS256',
      issuer: 'cms',
      subject: sub,
      expiresIn: ttlSeconds,
    })

  return {
    deps,
    config,
    environment,
    tenant,
    addTenant: (slug = `t-${randomBytes(3).toString('hex')}`) => createTenant(deps, { slug, name: slug }),
    token,
    signIn: async (role, options) => {
      const made = token(role, options)
      return { ...(await authenticate(deps, made)), token: made }
    },
    addChannel: (options) => insertChannel(deps, options.tenant ?? tenant.id, options),
    onClose: (close) => closers.push(close),
    [Symbol.asyncDispose]: async () => {
      for (const close of closers.toReversed()) await close()
    },
  }
}

async function insertChannel(
  deps: Deps,
  tenantId: string,
  options: TestChannel,
): Promise<{ id: string; webhookKey: string }> {
  const { encryptSecrets } = await import('../../src/domain/channels/secrets.ts')
  const id = uuidv7()
  const webhookKey = randomBytes(32).toString('base64url')
  await inTenant(deps, tenantId, async (tx) => {
    await tx.query(
      `insert into channels (tenant_id, id, provider, name, status, settings, secrets, external_id, account_id, webhook_key)
       values ($1, $2, $3, $4, 'connected', $5, $6, $7, $8, $9)`,
      [
        tenantId,
        id,
        options.provider,
        `${options.provider} ${options.externalId}`,
        JSON.stringify(options.settings),
        encryptSecrets(deps.config, options.secrets),
        options.externalId,
        options.accountId ?? null,
        webhookKey,
      ],
    )
    await tx.query('insert into channel_lanes (tenant_id, channel_id) values ($1, $2)', [tenantId, id])
  })
  return { id, webhookKey }
}
