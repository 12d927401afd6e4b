import { setTimeout as pause } from 'node:timers/promises'
import { type Config, ConfigError } from '../platform/config.ts'
import { Opened } from './opened.ts'
import { onParentGone } from './parent-gone.ts'

/** Exit code of a configuration that cannot work (EX_CONFIG of sysexits). */
const badConfiguration = 78
/** Time that child processes get when there is no time: PostgreSQL drops its clients and writes a checkpoint. */
const urgentMs = 5_000

/**
 * Runs a program of this terminal from its settings to its end. SIGTERM, SIGINT, SIGHUP or the end of the parent that passes
 * signals on closes it in order, within SHUTDOWN_GRACE_MS, also when it was still starting; a second signal, the end of
 * that time, a fault that nobody caught or the loss of a server of ours only stops the child processes.
 *
 * Exit codes: 0 stopped when asked · 1 could not start, or had to be cut short · 78 wrong settings.
 */
export async function runProgram(
  settings: () => Config,
  start: (config: Config, opened: Opened) => Promise<void>,
): Promise<void> {
  const opened = new Opened()
  process.on('uncaughtException', (error) => {
    console.error(error)
    void cutShort(opened, 'a fault that nobody caught')
  })
  const cut = opened.lost.then((why) => cutShort(opened, why))
  try {
    const config = settings()
    const asked = onceAsked(config.SHUTDOWN_GRACE_MS, opened)
    await start(config, opened)
    await asked
    await opened.close()
    if (opened.isLost) await cut
    process.exit(0)
  } catch (error) {
    console.error(messageOf(error))
    await opened.close().catch(() => {})
    process.exit(error instanceof ConfigError ? badConfiguration : 1)
  }
}

/** Settles with the first signal, from which on the grace runs; the second one waits for nothing. */
function onceAsked(graceMs: number, opened: Opened): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0
    const hear = (): void => {
      signals += 1
      if (signals > 1) {
        void cutShort(opened, 'asked twice')
        return
      }
      console.log('stopping')
      setTimeout(() => void cutShort(opened, `not done within ${graceMs} ms`), graceMs).unref()
      resolve()
    }
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, hear)
    onParentGone(() => signals === 0 && hear())
  })
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
