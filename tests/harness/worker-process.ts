import type { Environment } from '../../src/platform/config.ts'
import type { Hub } from './hub.ts'
import { type Running, startPart } from './processes.ts'

/** Workers in a process of their own, which can be killed, stopped and woken like any other. */
export interface WorkerProcess extends Running {
  /** Messages of its log. */
  readonly said: readonly string[]
}

/** Starts `node workers/main.ts` as part of the hub and waits until it is ready. Killed with the hub. */
export async function startWorkerProcess(hub: Hub, more: Environment = {}): Promise<WorkerProcess> {
  const said: string[] = []
  const hear = (line: string): void => {
    if (line.startsWith('{')) said.push((JSON.parse(line) as { msg: string }).msg)
  }
  return { ...(await startPart(hub, 'workers', { more, onLine: hear })), said }
}
