import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { MediaHub } from './media-hub.ts'

const script = fileURLToPath(new URL('./one-file.ts', import.meta.url))

/** A real process that does one thing with one file: fetches it as a worker, or looks at it as whoever sends it. */
export function startOne(media: MediaHub, does: 'fetch' | 'check', attachmentId: string): ChildProcess {
  return spawn(process.execPath, [script, does, media.hub.tenant.id, attachmentId], {
    env: { PATH: process.env['PATH'], ...media.hub.environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

export async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
}
