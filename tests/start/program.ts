import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Environment } from '../../src/platform/config.ts'

const root = join(import.meta.dirname, '../..')

/** A program of ours as somebody starts it on a terminal. */
export interface Program {
  readonly pid: number
  /** What it said so far, both streams, line by line. */
  readonly lines: readonly string[]
  /** The first line that fits, from the past or the future. Fails when the program ends without it. */
  says(what: RegExp): Promise<string>
  /** The address of the line that says that it is ready. */
  ready(): Promise<string>
  signal(name: NodeJS.Signals): void
  /** The terminal goes away: whatever is written from now on meets a closed pipe. */
  closeTerminal(): void
  /** How it ended: its exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>
}

export const allInOne = [process.execPath, join(root, 'src/all-in-one.ts')]
export const demo = [process.execPath, join(root, 'src/demo/main.ts')]

/** A directory for one test's data. Everybody may pass: a root run lends PostgreSQL another account. */
export function dataDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'switchboard-start-'))
  chmodSync(directory, 0o755)
  return directory
}

export function startProgram([command = '', ...args]: readonly string[], environment: Environment): Program {
  const child = spawn(command, args, {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      PORT: '0',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ...environment,
    } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const listeners = new Set<(line: string) => void>()
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      for (const listener of listeners) listener(line)
    })
  const exit = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  const says = (what: RegExp): Promise<string> => {
    const known = lines.find((line) => what.test(line))
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve, reject) => {
      const listener = (line: string): void => {
        if (!what.test(line)) return
        listeners.delete(listener)
        resolve(line)
      }
      listeners.add(listener)
      void once(child, 'close').then(() => {
        reject(new Error(`it ended without saying ${what}:\n${lines.join('\n')}`))
      })
    })
  }
  return {
    pid: child.pid ?? 0,
    lines,
    says,
    ready: async () => /http:\S+/.exec(await says(/ is ready after .*http:/))?.[0] ?? '',
    signal: (name) => child.kill(name),
    closeTerminal: () => {
      child.stdout.destroy()
      child.stderr.destroy()
    },
    ended: () => exit,
  }
}

/** Which of the servers of this data directory still listen. */
export async function stillRunning(dataDir: string): Promise<string[]> {
  const found: string[] = []
  for (const server of ['postgres', 'redis']) {
    let port: number
    try {
      port = Number(readFileSync(join(dataDir, `${server}.port`), 'utf8'))
    } catch {
      continue
    }
    if (await answers(port)) found.push(server)
  }
  return found
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

export function removeData(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true })
}
