import { openDeps, type ServedConfig } from '../src/deps.ts'
import { ConfigError, readConfig } from '../src/platform/config.ts'
import { startWorkers } from './server.ts'

/** Exit code of a configuration that cannot work (EX_CONFIG of sysexits). */
const badConfiguration = 78

function configuration(): ServedConfig {
  try {
    const config = readConfig()
    const missing = (['DATABASE_URL', 'S3_ENDPOINT'] as const).filter((name) => !config[name])
    if (config.REDIS_URL.length > 0 && missing.length === 0) return config as ServedConfig
    const names = [...missing, ...(config.REDIS_URL.length === 0 ? ['REDIS_URL'] : [])]
    throw new ConfigError(names.map((name) => `${name}: required for workers that run alone`))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(badConfiguration)
  }
}

const deps = openDeps(configuration(), 'workers')
const workers = startWorkers(deps)
deps.log.info('workers are ready')

let stopping = false
const stop = async (signal: string): Promise<void> => {
  if (stopping) return
  stopping = true
  deps.log.info({ signal }, 'workers stop')
  // What is still under way then keeps its lease, and becomes unknown when that ends.
  setTimeout(() => {
    deps.log.warn('workers are gone before their work was done')
    process.exit(1)
  }, deps.config.SHUTDOWN_GRACE_MS).unref()
  await workers.close()
  await deps.close()
  process.exit(0)
}
process.on('SIGTERM', (signal) => void stop(signal))
process.on('SIGINT', (signal) => void stop(signal))
