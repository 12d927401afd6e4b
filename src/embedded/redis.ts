import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cacheDirectory } from './cache-directory.ts'
import type { EmbeddedOptions, RecordedServer, ServerProcess } from './embedded-server.ts'
import { commandLine, type EndingStep, endChild, endOf, endProcess, hasEnded, poll } from './processes.ts'
import { findRedis, type RedisBinary } from './redis-binary.ts'
import { readRecord, rememberedPort, rememberedSecret } from './remembered.ts'

const ENDING: readonly EndingStep[] = [
  { signal: 'SIGTERM', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
]

/** Time to load a large append-only file; ordinary starts take some 20 ms. */
const READY_WITHIN_MS = 60_000

/** A Redis that can be taken away and brought back under the same URL, to see what the system does meanwhile. */
export interface EmbeddedRedis extends ServerProcess {
  /** Kills it without a goodbye, wipes its data and starts it again: the worst thing that Redis can do to us. */
  restartEmpty(): Promise<void>
}

/**
 * Starts Redis (or Valkey) on a loopback port with its data under `dataDir`: append-only file synced every second, and
 * never evicting, because job queues must not lose keys. Like PostgreSQL it has a process group of its own and is ended
 * by the next start when a killed run left it behind.
 */
export async function startRedis(options: EmbeddedOptions): Promise<EmbeddedRedis> {
  const startedAt = performance.now()
  const directory = resolve(options.dataDir, 'redis')
  mkdirSync(join(directory, 'data'), { recursive: true, mode: 0o700 })
  const binary = await findRedis(cacheDirectory(options.dataDir), options.log)
  const password = rememberedSecret(join(options.dataDir, 'redis.password'))
  const portFile = join(options.dataDir, 'redis.port')
  await endLeftover(directory, portFile, options.log)
  let running = await launch(binary, directory, password, (renew) => rememberedPort(portFile, renew))
  const { port } = running
  // Clients hold the URL by now, so from here on it is this port or nothing.
  const again = async (signal?: AbortSignal) => {
    running = await launch(binary, directory, password, async () => port, signal)
  }
  const end = (steps: readonly EndingStep[]) => endChild(running.child, steps)
  return {
    url: urlOf(port, password),
    port,
    from: binary.from,
    startedInMs: performance.now() - startedAt,
    stop: () => end(ENDING),
    logFile: logOf(directory),
    ended: () => endOf(running.child),
    start: async (signal) => {
      if (hasEnded(running.child)) await again(signal)
    },
    restartEmpty: async () => {
      await end([{ signal: 'SIGKILL', waitMs: 5_000 }])
      rmSync(join(directory, 'data'), { recursive: true })
      mkdirSync(join(directory, 'data'))
      await again()
    },
  }
}

/** Where the Redis of this directory listens when it runs, as its last start wrote it down; undefined before that. */
export function recordedRedis(dataDir: string): RecordedServer | undefined {
  const record = readRecord(join(dataDir, 'redis.port'), join(dataDir, 'redis.password'))
  return record && { port: record.port, url: urlOf(record.port, record.secret) }
}

const logOf = (directory: string): string => join(directory, 'redis.log')

const urlOf = (port: number, password: string): string => `redis://:${password}@127.0.0.1:${port}`

/**
 * Ends the server of an earlier, killed run. Redis titles itself `redis-server 127.0.0.1:<port>`; a pid that now is that of
 * another Redis, on a port that is not ours, is no leftover.
 */
async function endLeftover(directory: string, portFile: string, log: (line: string) => void): Promise<void> {
  const file = join(directory, 'redis.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8'))
  const port = existsSync(portFile) ? readFileSync(portFile, 'utf8').trim() : 'none'
  const command = Number.isInteger(pid) && pid > 1 ? (commandLine(pid) ?? '') : ''
  if (/(redis|valkey)-server/.test(command) && command.split(' ').includes(`127.0.0.1:${port}`)) {
    log(`stopping the Redis that an earlier run left behind (process ${pid})`)
    await endProcess(pid, ENDING)
  }
  rmSync(file, { force: true })
}

/** The settings go through a file, so that the password is not on the command line for everybody to read. */
function writeSettings(directory: string, port: number, password: string): string {
  const file = join(directory, 'redis.conf')
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir "${join(directory, 'data')}"`,
    `pidfile "${join(directory, 'redis.pid')}"`,
    'save ""',
    'appendonly yes',
    'appendfsync everysec',
    'maxmemory-policy noeviction',
    'daemonize no',
  ]
  writeFileSync(file, `${settings.join('\n')}\n`, { mode: 0o600 })
  return file
}

async function launch(
  binary: RedisBinary,
  directory: string,
  password: string,
  choosePort: (renew: boolean) => Promise<number>,
  signal?: AbortSignal,
): Promise<{ child: ChildProcess; port: number }> {
  const logFile = logOf(directory)
  const giveUpAt = performance.now() + READY_WITHIN_MS
  for (let portLost = false; ; ) {
    const port = await choosePort(portLost)
    const output = openSync(logFile, 'w')
    const child = spawn(binary.program, [writeSettings(directory, port, password)], {
      detached: true,
      stdio: ['ignore', output, output],
      ...(binary.libraryPath === undefined ? {} : { env: { LD_LIBRARY_PATH: binary.libraryPath } }),
    })
    closeSync(output)
    child.unref()
    let ended: string | undefined
    child.once('error', (error) => (ended = error.message))
    child.once('exit', (code, signal) => (ended ??= `exit ${code ?? signal}`))
    const outcome = await poll(giveUpAt - performance.now(), async () => {
      if (ended !== undefined || signal?.aborted) return 'ended'
      return (await answersPing(port, password)) ? 'ready' : undefined
    })
    if (outcome === 'ready') return { child, port }
    await endChild(child, ENDING)
    const said = existsSync(logFile) ? readFileSync(logFile, 'utf8').slice(-2000) : ''
    portLost = said.includes('Address already in use')
    if (!portLost || signal?.aborted || performance.now() > giveUpAt) {
      throw new Error(`Redis did not start (${ended ?? 'not ready in time'}); it said:\n${said.trim()}`)
    }
    await delay(100)
  }
}

/** True when the server takes commands; while it loads its data it answers `-LOADING`. */
function answersPing(port: number, password: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`AUTH ${password}\r\nPING\r\n`))
    let said = ''
    const finish = (ready: boolean) => {
      socket.destroy()
      done(ready)
    }
    socket.setTimeout(1000, () => finish(false))
    socket.on('error', () => finish(false))
    socket.on('end', () => finish(false))
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1')
      if (said.includes('+PONG')) finish(true)
      else if (said.includes('-')) finish(false)
    })
  })
}
