import { openDeps, type ServedConfig } from '../deps.ts'
import { bootProblems } from '../platform/boot-guard.ts'
import { ConfigError, readConfig } from '../platform/config.ts'
import { startRest } from './server.ts'

/** Exit code of a configuration that cannot work (EX_CONFIG of sysexits). */
const badConfiguration = 78

function refuse(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error
  console.error(error.message)
  process.exit(badConfiguration)
}

function configuration(): ServedConfig {
  const config = readConfig()
  const missing = (['DATABASE_URL', 'S3_ENDPOINT'] as const).filter((name) => !config[name])
  const names = [...missing, ...(config.REDIS_URL.length === 0 ? ['REDIS_URL'] : [])]
  if (names.length === 0) return config as ServedConfig
  throw new ConfigError(names.map((name) => `${name}: required for a REST server that runs alone`))
}

let config: ServedConfig
try {
  config = configuration()
} catch (error) {
  refuse(error)
}
const deps = openDeps(config, 'rest')
const problems = await bootProblems(deps)
if (problems.length > 0) refuse(new ConfigError(problems))
const server = await startRest(deps)
deps.log.info({ url: `http://${config.HOST}:${server.port}${config.BASE_PATH}` }, 'REST is ready')

let stopping = false
const stop = async (signal: string): Promise<void> => {
  if (stopping) return
  stopping = true
  deps.log.info({ signal }, 'REST stops')
  setTimeout(() => {
    deps.log.warn('REST is gone before its answers were given')
    process.exit(1)
  }, config.SHUTDOWN_GRACE_MS).unref()
  await server.drain()
  await server.close()
  await deps.close()
  process.exit(0)
}
process.on('SIGTERM', (signal) => void stop(signal))
process.on('SIGINT', (signal) => void stop(signal))
