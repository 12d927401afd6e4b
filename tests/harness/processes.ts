import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Environment } from '../../src/platform/config.ts'
import type { Hub } from './hub.ts'

export type Part = 'gateway' | 'rest' | 'workers'

const entries: Record<Part, string> = {
  gateway: 'gateway/main.ts',
  rest: 'src/rest/main.ts',
  workers: 'workers/main.ts',
}
const isReady = /the gateway is ready|REST is ready|workers are ready/
/** A busy machine compiles slowly. */
const longestStart = 60_000

/** One of our processes, as an operator runs it. */
export interface Running {
  readonly part: Part
  readonly pid: number
  /** Where it listens. */
  readonly port: number
  signal(name: NodeJS.Signals): void
  /** Ends it without a goodbye; settles when it is gone. */
  kill(): Promise<void>
  /** How it ended: its exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>
}

/**
 * Starts `node <entry>` as part of the hub and waits until it says that it is ready. Everything that it logs goes to
 * `onLine` as well, so that a scenario can look through it. Killed with the hub.
 */
export async function startPart(
  hub: Pick<Hub, 'environment' | 'onClose'>,
  part: Part,
  { more = {}, onLine = () => {} }: { more?: Environment; onLine?: (line: string) => void } = {},
): Promise<Running> {
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, '../..', entries[part])], {
    env: { PATH: process.env['PATH'], ...hub.environment, LOG_LEVEL: 'info', ...more } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  const isGone = () => child.exitCode !== null || child.signalCode !== null
  const kill = async (): Promise<void> => {
    if (!isGone()) child.kill('SIGKILL')
    await exit
  }
  hub.onClose(kill)
  const port = await new Promise<number>((resolve, reject) => {
    const own: string[] = []
    const timer = setTimeout(
      () => reject(new Error(`${part} was not ready: ${own.join('\n')}`)),
      longestStart,
    )
    const hear = (line: string): void => {
      own.push(line)
      onLine(line)
      if (!isReady.test(line)) return
      clearTimeout(timer)
      resolve(Number(/"url":"[a-z]+:\/\/[^/"]*:(\d+)/.exec(line)?.[1] ?? 0))
    }
    for (const stream of [child.stdout, child.stderr])
      if (stream) createInterface({ input: stream }).on('line', hear)
    void exit.then((how) => {
      clearTimeout(timer)
      reject(new Error(`${part} ended with ${how} before it was ready: ${own.join('\n')}`))
    })
  })
  return { part, pid: child.pid ?? 0, port, signal: (name) => child.kill(name), kill, ended: () => exit }
}
