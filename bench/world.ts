import { randomBytes } from 'node:crypto'
import jwt from 'jsonwebtoken'
import pg from 'pg'
import type { Role } from '../src/contract/records.ts'
import { type Deps, openDeps, type ServedConfig } from '../src/deps.ts'
import { createTenant } from '../src/domain/tenants/create-tenant.ts'
import type { EmbeddedServers } from '../src/embedded/servers.ts'
import { type Environment, readConfig } from '../src/platform/config.ts'
import { migrateUp } from '../src/platform/migrate.ts'
import { startScratch } from '../tests/harness/scratch.ts'

export interface Tenant {
  readonly id: string
  readonly slug: string
}

/** Durable servers of the bench's own, the product's schema in them, and what its processes need to be part of it. */
export interface World {
  readonly servers: EmbeddedServers
  readonly environment: Environment
  readonly deps: Deps
  /** Where PostgreSQL and Redis came from, with their versions. */
  readonly described: readonly string[]
  addTenant(): Promise<Tenant>
  /** Tells PostgreSQL's planner what is in the tables by now, as its own autovacuum does within a minute of a first load. */
  analyze(): Promise<void>
  /** The token that this person comes with, every time the same, as browsers do until it ends. */
  token(tenant: Tenant, role: Role, subject: string): string
  close(): Promise<void>
}

/**
 * Limits that would be met by a thousand clients of one address; everything else stands as it is delivered. Logs are
 * kept to warnings, since the peers write none.
 */
const oneMachine = {
  SOCKETS_PER_ADDRESS: '100000',
  REST_IP_RATE_PER_MINUTE: '100000000',
  LOG_LEVEL: 'warn',
}

/** Starts the servers in a directory that is removed with them. PostgreSQL keeps what it commits (fsync is on). */
export async function openWorld(log: (line: string) => void): Promise<World> {
  const servers = await startScratch('switchboard-bench', {
    need: { postgres: true, redis: true, objectStore: true },
    log,
  })
  const store = servers.objectStore
  const secret = randomBytes(32).toString('base64url')
  const environment: Environment = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    DATABASE_URL: servers.postgres?.url,
    REDIS_URL: servers.redis?.url,
    S3_ENDPOINT: store?.endpoint,
    S3_REGION: store?.region,
    S3_ACCESS_KEY: store?.accessKey,
    S3_SECRET_KEY: store?.secretKey,
    DATA_DIR: servers.dataDir,
    JWT_SECRET: secret,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    ...oneMachine,
  }
  const config = readConfig(environment) as ServedConfig
  await migrateUp(config)
  const deps = openDeps(config, 'bench')
  await deps.storage.ready()
  const tokens = new Map<string, string>()
  let tenants = 0
  return {
    servers,
    environment,
    deps,
    described: await describe(deps, servers),
    analyze: async () => {
      const owner = new pg.Client({ connectionString: servers.postgres?.url })
      await owner.connect()
      try {
        await owner.query('vacuum analyze')
      } finally {
        await owner.end()
      }
    },
    addTenant: async () => createTenant(deps, { slug: `t-${++tenants}`, name: `Tenant ${tenants}` }),
    token: (tenant, role, subject) => {
      const name = `${tenant.slug} ${subject}`
      const token =
        tokens.get(name) ??
        jwt.sign({ role, name: subject, tenant_id: tenant.slug }, secret, {
          algorithm: 'HS256',
          issuer: 'cms',
          subject,
          expiresIn: 3600,
        })
      tokens.set(name, token)
      return token
    },
    close: async () => {
      await deps.close()
      await servers.stop()
    },
  }
}

async function describe(deps: Deps, servers: EmbeddedServers): Promise<string[]> {
  const { rows } = await deps.db.read.query<{ version: string; fsync: string; commit: string }>(
    `select split_part(version(), ' on ', 1) as version, current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit`,
  )
  const [found] = rows
  const redis = /^redis_version:(\S+)/m.exec(await deps.redis.info('server'))?.[1]
  return [
    `${found?.version} (${servers.postgres?.from}), fsync ${found?.fsync}, synchronous_commit ${found?.commit}`,
    `Redis ${redis} (${servers.redis?.from})`,
  ]
}
