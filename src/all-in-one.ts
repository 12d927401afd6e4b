import { once } from 'node:events'
import { createServer } from 'node:http'
import { startGateway } from '../gateway/server.ts'
import { startWorkers } from '../workers/server.ts'
import { commandHandlers } from './command-handlers.ts'
import { openDeps, type ServedConfig } from './deps.ts'
import { createTenant } from './domain/tenants/create-tenant.ts'
import { startEmbedded } from './embedded/servers.ts'
import { bootProblems } from './platform/boot-guard.ts'
import { ConfigError, readConfig } from './platform/config.ts'
import { migrateUp } from './platform/migrate.ts'
import { startRest } from './rest/server.ts'

/** Exit code of a configuration that cannot work (EX_CONFIG of sysexits). */
const badConfiguration = 78

async function start(): Promise<() => Promise<void>> {
  const given = readConfig()
  const embedded = await startEmbedded({
    dataDir: given.DATA_DIR,
    need: {
      postgres: given.DATABASE_URL === undefined,
      redis: given.REDIS_URL.length === 0,
      objectStore: given.S3_ENDPOINT === undefined,
    },
    log: (line) => console.log(line),
  })
  const store = embedded.objectStore
  const config = {
    ...given,
    DATABASE_URL: given.DATABASE_URL ?? embedded.postgres?.url ?? '',
    REDIS_URL: embedded.redis ? [embedded.redis.url] : given.REDIS_URL,
    ...(store && {
      S3_ENDPOINT: store.endpoint,
      S3_REGION: store.region,
      S3_ACCESS_KEY: store.accessKey,
      S3_SECRET_KEY: store.secretKey,
    }),
  } as ServedConfig
  await migrateUp(config)
  const deps = openDeps(config, 'hub')
  const problems = await bootProblems(deps)
  if (problems.length > 0) throw new ConfigError(problems)
  const { rowCount } = await deps.db.write.query('select from find_tenant($1)', [config.JWT_TENANT])
  if (rowCount === 0) await createTenant(deps, { slug: config.JWT_TENANT, name: config.JWT_TENANT })
  await deps.storage.ready()
  const httpServer = createServer()
  const gateway = await startGateway(deps, { httpServer, handlers: commandHandlers })
  const rest = await startRest(deps, { httpServer })
  const workers = startWorkers(deps)
  httpServer.listen(config.PORT, config.HOST)
  await once(httpServer, 'listening')
  deps.log.info({ url: `http://${config.HOST}:${rest.port}${config.BASE_PATH}` }, 'Switchboard is ready')
  return async () => {
    await gateway.drain()
    await rest.drain()
    await workers.close()
    await gateway.close()
    await rest.close()
    httpServer.close()
    httpServer.closeAllConnections()
    await deps.close()
    await embedded.stop()
  }
}

let stop: () => Promise<void>
try {
  stop = await start()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(error instanceof ConfigError ? badConfiguration : 1)
}
let stopping = false
const end = () => {
  if (stopping) return
  stopping = true
  void stop().finally(() => process.exit(0))
}
process.on('SIGTERM', end)
process.on('SIGINT', end)
