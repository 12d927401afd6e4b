import { commandHandlers } from '../src/command-handlers.ts'
import { openDeps, type ServedConfig } from '../src/deps.ts'
import { bootProblems } from '../src/platform/boot-guard.ts'
import { ConfigError, readConfig } from '../src/platform/config.ts'
import { startGateway } from './server.ts'

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
  throw new ConfigError(names.map((name) => `${name}: required for a gateway that runs alone`))
}

let config: ServedConfig
try {
  config = configuration()
} catch (error) {
  refuse(error)
}
const deps = openDeps(config, 'gateway')
const problems = await bootProblems(deps)
if (problems.length > 0) refuse(new ConfigError(problems))
const gateway = await startGateway(deps, { handlers: commandHandlers })
deps.log.info(
  { url: `ws://${config.HOST}:${gateway.port}${config.BASE_PATH}/socket.io` },
  'the gateway is ready',
)

let stopping = false
const stop = async (signal: string): Promise<void> => {
  if (stopping) return
  stopping = true
  deps.log.info({ signal }, 'the gateway stops')
  setTimeout(() => {
    deps.log.warn('the gateway is gone before everybody was told')
    process.exit(1)
  }, config.SHUTDOWN_GRACE_MS).unref()
  await gateway.drain()
  await gateway.close()
  await deps.close()
  process.exit(0)
}
process.on('SIGTERM', (signal) => void stop(signal))
process.on('SIGINT', (signal) => void stop(signal))
