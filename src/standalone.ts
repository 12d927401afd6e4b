import { type Deps, openDeps, type ServedConfig } from './deps.ts'
import { bootProblems } from './platform/boot-guard.ts'
import { ConfigError, readConfig } from './platform/config.ts'

/** Exit code of a configuration that cannot work (EX_CONFIG of sysexits). */
const badConfiguration = 78

/** What a process that runs alone has to do on its way out. */
export interface Part {
  /** Takes nothing new and lets what is under way come to its end. */
  drain?(): Promise<void>
  close(): Promise<void>
}

/**
 * The whole life of a process that runs alone: reads the configuration, opens the servers, refuses to run on what would lose
 * facts or mix tenants (exit 78 with every reason), starts its part, and on SIGTERM or SIGINT lets it end within
 * SHUTDOWN_GRACE_MS; whoever needs longer is cut off, which costs nobody a fact. `start` answers with what the log says
 * when all is ready.
 */
export async function runAlone(
  name: 'gateway' | 'rest' | 'workers',
  start: (deps: Deps) => Promise<{ readonly part: Part; readonly ready: string; readonly url?: string }>,
): Promise<void> {
  const deps = await openChecked(name)
  const { part, ready, url } = await start(deps)
  deps.log.info(url === undefined ? {} : { url }, ready)
  let stopping = false
  const stop = async (signal: string): Promise<void> => {
    if (stopping) return
    stopping = true
    deps.log.info({ signal }, `${name}: stops`)
    setTimeout(() => {
      deps.log.warn(`${name}: gone before its work was done`)
      process.exit(1)
    }, deps.config.SHUTDOWN_GRACE_MS).unref()
    await part.drain?.()
    await part.close()
    await deps.close()
    process.exit(0)
  }
  process.on('SIGTERM', (signal) => void stop(signal))
  process.on('SIGINT', (signal) => void stop(signal))
}

async function openChecked(name: string): Promise<Deps> {
  try {
    const deps = openDeps(servedConfig(name), name)
    const problems = await bootProblems(deps)
    if (problems.length > 0) throw new ConfigError(problems)
    return deps
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(badConfiguration)
  }
}

/** Only all in one finds servers by itself. */
function servedConfig(name: string): ServedConfig {
  const config = readConfig()
  const missing = [
    ...(['DATABASE_URL', 'S3_ENDPOINT'] as const).filter((key) => !config[key]),
    ...(config.REDIS_URL.length === 0 ? ['REDIS_URL'] : []),
  ]
  if (missing.length > 0)
    throw new ConfigError(missing.map((key) => `${key}: required for a process that runs alone (${name})`))
  return config as ServedConfig
}
