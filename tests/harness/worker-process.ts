import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Environment } from '../../src/platform/config.ts'
import { eventually } from './eventually.ts'
import type { Hub } from './hub.ts'

/** Workers in a process of their own, which can be killed, stopped and woken like any other. */
export interface WorkerProcess {
  readonly pid: number
  /** Messages of its log. */
  readonly said: readonly string[]
  signal(name: NodeJS.Signals): void
  /** How it ended: its exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>
}

export const workersMain = join(import.meta.dirname, '../../workers/main.ts')

/** Starts `node workers/main.ts` as part of the hub and waits until it is ready. Killed with the hub. */
export async function startWorkerProcess(hub: Hub, more: Environment = {}): Promise<WorkerProcess> {
  const child: ChildProcess = spawn(process.execPath, [workersMain], {
    env: { PATH: process.env['PATH'], ...hub.environment, LOG_LEVEL: 'info', ...more } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: string[] = []
  if (child.stdout)
    createInterface(child.stdout).on('line', (line) => {
      said.push((JSON.parse(line) as { msg: string }).msg)
    })
  const exit = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  const { pid = 0 } = child
  hub.onClose(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exit
  })
  await eventually(() => {
    if (!said.includes('workers are ready')) throw new Error(`not ready: ${said.join('; ')}`)
  })
  return { pid, said, signal: (name) => child.kill(name), ended: () => exit }
}
