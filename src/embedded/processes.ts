import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** The command line of a living process, or undefined when there is none. A zombie counts as gone. */
export function commandLine(pid: number): string | undefined {
  try {
    if (existsSync('/proc/self/cmdline')) {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() || undefined
    }
    return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined
  }
}

/** Asks `look` every `everyMs` until it gives something else than undefined, or `withinMs` are over. */
export async function poll<T>(
  withinMs: number,
  look: () => T | undefined | Promise<T | undefined>,
  everyMs = 10,
): Promise<T | undefined> {
  const until = performance.now() + withinMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined || performance.now() >= until) return seen
    await delay(everyMs)
  }
}

/** One step on the way to ending a process: the signal to send and how long it gets before the next step. */
export interface EndingStep {
  signal: NodeJS.Signals
  waitMs: number
}

/**
 * Ends a process that may not be our child (it can be left over from a killed run), and returns when it is gone.
 * Throws when it is still there after the last step, or when it belongs to an account we may not signal.
 */
export async function endProcess(pid: number, steps: readonly EndingStep[]): Promise<void> {
  const gone = () => (commandLine(pid) === undefined ? true : undefined)
  for (const { signal, waitMs } of steps) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return
      throw new Error(`Process ${pid} is in the way and cannot be stopped from this account`, {
        cause: error,
      })
    }
    if (await poll(waitMs, gone)) return
  }
  throw new Error(`Process ${pid} does not end; stop it by hand and try again`)
}

/** True when our child is gone. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Settles when our child is gone, with how it ended: `SIGKILL`, `exit code 1`. */
export async function endOf(child: ChildProcess): Promise<string> {
  if (!hasEnded(child)) await once(child, 'exit')
  return child.signalCode ?? `exit code ${child.exitCode}`
}

/** Ends our own child; one that is already gone is left alone, because its pid may be another program's by now. */
export async function endChild(child: ChildProcess, steps: readonly EndingStep[]): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return
  await endProcess(child.pid, steps)
  // It is gone, but Node learns so a moment later, and whoever asks the child next must not find it alive.
  if (!hasEnded(child)) {
    // A child that was let go does not keep this process alive until the news is in.
    child.ref()
    await once(child, 'exit')
  }
}
