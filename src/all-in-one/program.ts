import { setTimeout as pause } from 'node:timers/promises'
import { type Config, ConfigError } from '../platform/config.ts'
import { Opened } from './opened.ts'
import { onParentGone } from './parent-gone.ts'

/** Exit code of a configuration that cannot work (EX_CONFIG of sysexits). */
const badConfiguration = 78
/** Time that child processes get when there is no time: PostgreSQL drops its clients and writes a checkpoint. */
const urgentMs = 5_000

/**
 * Runs a program of this terminal from its settings to its end. SIGTERM, SIGINT or the end of the parent that passes
 * signals on closes it in order, within SHUTDOWN_GRACE_MS; a second signal, or the end of that time, only stops the
 * child processes. A signal that comes while it starts takes effect as soon as it has started.
 *
 * Exit codes: 0 stopped when asked · 1 could not start, or had to be cut short · 78 wrong settings.
 */
export async function runProgram(
  settings: () => Config,
  start: (config: Config, opened: Opened) => Promise<void>,
): Promise<void> {
  const opened = new Opened()
  let graceMs = 0
  let signals = 0
  const asked = Promise.withResolvers<void>()
  const stop = (): void => {
    signals += 1
    if (signals > 1) void cutShort(opened, 'asked twice')
    else asked.resolve()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', stop)
  onParentGone(() => signals === 0 && stop())

  try {
    const config = settings()
    graceMs = config.SHUTDOWN_GRACE_MS
    await start(config, opened)
  } catch (error) {
    console.error(messageOf(error))
    await opened.close().catch(() => {})
    process.exit(error instanceof ConfigError ? badConfiguration : 1)
  }
  await asked.promise
  console.log('stopping')
  setTimeout(() => void cutShort(opened, `not done within ${graceMs} ms`), graceMs).unref()
  try {
    await opened.close()
  } catch (error) {
    console.error(messageOf(error))
    process.exit(1)
  }
  process.exit(0)
}

async function cutShort(opened: Opened, why: string): Promise<never> {
  console.error(`stopping at once: ${why}`)
  await Promise.race([opened.abandon(), pause(urgentMs)]).catch(() => {})
  process.exit(1)
}

/** What people need: our own errors are sentences, those of strangers come with the place. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('\n')
  const cause = error.cause instanceof Error ? `\n  because: ${error.cause.message}` : ''
  return error instanceof CannotStart || error instanceof ConfigError
    ? error.message
    : `${error.stack ?? error.message}${cause}`
}

/** A reason not to start that its reader can do something about; the message says what. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart'
}
