import { type ChildProcess, execFile, spawn } from 'node:child_process'
import {
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { cacheDirectory } from './cache-directory.ts'
import type { EmbeddedOptions, RecordedServer, ServerProcess } from './embedded-server.ts'
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts'
import { type PostgresHome, postgresHome } from './postgres-directory.ts'
import { commandLine, type EndingStep, endChild, endOf, endProcess, hasEnded, poll } from './processes.ts'
import { readRecord, rememberedPort, rememberedSecret } from './remembered.ts'

const run = promisify(execFile)

/** The role and the database that the server is made with. */
const NAME = 'switchboard'

/** Fast shutdown drops the clients and writes a checkpoint; immediate leaves recovery to the next start. */
const ENDING: readonly EndingStep[] = [
  { signal: 'SIGINT', waitMs: 15_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
]

/** Tests restart from nothing after a crash, so they need no disk flushes: 38 instead of 158 µs per commit. */
const WITHOUT_DURABILITY = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']

/** Time for recovery after a crash; ordinary starts take some 20 ms. */
const READY_WITHIN_MS = 60_000

/**
 * Starts PostgreSQL on a loopback port with its data under `dataDir`, which is made on first use (UTF-8, locale C).
 * The URL names a superuser; whoever needs a lesser role makes it.
 *
 * The server gets a process group of its own: a Ctrl-C on the terminal goes to every process of the group, and it must
 * still answer while the application drains. So it also outlives a killed application; the next start finds such a
 * leftover by its pid file, ends it and starts anew, which also cuts off whoever still talked to it.
 */
export async function startPostgres(options: EmbeddedOptions): Promise<ServerProcess> {
  const startedAt = performance.now()
  const home = postgresHome(options.dataDir, options.log)
  const data = join(home.directory, 'data')
  const version = join(data, 'PG_VERSION')
  const wantedMajor = existsSync(version) ? Number.parseInt(readFileSync(version, 'utf8'), 10) : undefined
  const binaries = await findPostgres(cacheDirectory(options.dataDir), home.account, wantedMajor)
  const password = rememberedSecret(join(options.dataDir, 'postgres.password'))
  await endLeftover(data, options.log)
  if (wantedMajor === undefined) await makeCluster(binaries, home, data, password, options.test === true)
  const portFile = join(options.dataDir, 'postgres.port')
  let running = await launch(binaries, home, data, options, (renew) => rememberedPort(portFile, renew))
  const { port } = running
  await ensureDatabase(port, password)
  return {
    url: urlOf(NAME, port, password),
    port,
    from: binaries.from,
    startedInMs: performance.now() - startedAt,
    stop: () => endChild(running.child, ENDING),
    logFile: logOf(home),
    ended: () => endOf(running.child),
    start: async (signal) => {
      if (!hasEnded(running.child)) return
      await endLeftover(data, options.log)
      // Clients hold the URL by now, so it is this port or nothing.
      running = await launch(binaries, home, data, options, async () => port, signal)
    },
  }
}

/** Where the PostgreSQL of this directory listens when it runs, as its last start wrote it down; undefined before that. */
export function recordedPostgres(dataDir: string): RecordedServer | undefined {
  const record = readRecord(join(dataDir, 'postgres.port'), join(dataDir, 'postgres.password'))
  return record && { port: record.port, url: urlOf(NAME, record.port, record.secret) }
}

const logOf = (home: PostgresHome): string => join(home.directory, 'postgres.log')

function urlOf(database: string, port: number, password: string): string {
  return `postgres://${NAME}:${password}@127.0.0.1:${port}/${database}`
}

/** What postmaster.pid says (PostgreSQL source, miscadmin.h: line 1 pid, 2 data directory, 4 port, 8 status). */
function readPidFile(data: string): { pid: number; status: string } | undefined {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return undefined
  const lines = readFileSync(file, 'utf8').split('\n')
  const pid = Math.abs(Number(lines[0]))
  return Number.isInteger(pid) && pid > 1 ? { pid, status: (lines[7] ?? '').trim() } : undefined
}

/**
 * Ends a server that an earlier, killed run left on this data. A pid that now is another program's is no leftover, and
 * PostgreSQL would believe the file. The file of a dead server stays: by it the next one sees whether backends of that
 * one still hold its memory, and does not write beside them.
 */
async function endLeftover(data: string, log: (line: string) => void): Promise<void> {
  const left = readPidFile(data)
  if (left === undefined) return
  const command = commandLine(left.pid)
  if (command?.includes(data)) {
    log(`stopping the PostgreSQL that an earlier run left behind (process ${left.pid})`)
    await endProcess(left.pid, ENDING)
  } else if (command !== undefined) rmSync(join(data, 'postmaster.pid'), { force: true })
}

/** The environment and account of every PostgreSQL program: nothing of ours leaks in, and no locale or zone either. */
function surroundings(home: PostgresHome) {
  return { ...home.account, cwd: '/', env: { LC_ALL: 'C', TZ: 'UTC' } }
}

/**
 * Makes the cluster beside its final place and moves it there when it is whole, so that a run killed half-way leaves
 * nothing that looks like data.
 */
async function makeCluster(
  binaries: PostgresBinaries,
  home: PostgresHome,
  data: string,
  password: string,
  test: boolean,
): Promise<void> {
  const unfinished = `${data}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  const passwordFile = join(home.directory, 'initial-password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (home.account.uid !== undefined && home.account.gid !== undefined) {
    chownSync(passwordFile, home.account.uid, home.account.gid)
  }
  const who = ['-U', NAME, '--auth=scram-sha-256', `--pwfile=${passwordFile}`]
  const what = ['-E', 'UTF8', '--locale=C', '--no-instructions', ...(test ? ['--no-sync'] : [])]
  try {
    await run(join(binaries.bin, 'initdb'), ['-D', unfinished, ...who, ...what], surroundings(home))
  } catch (error) {
    throw new Error(`initdb of ${binaries.from} failed`, { cause: error })
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(unfinished, data)
}

/** Starts the server and waits until it takes connections. */
async function launch(
  binaries: PostgresBinaries,
  home: PostgresHome,
  data: string,
  options: EmbeddedOptions,
  choosePort: (renew: boolean) => Promise<number>,
  signal?: AbortSignal,
): Promise<{ child: ChildProcess; port: number }> {
  const logFile = logOf(home)
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200']
  if (options.test) settings.push(...WITHOUT_DURABILITY)
  const giveUpAt = performance.now() + READY_WITHIN_MS
  let portLost = false
  for (;;) {
    const port = await choosePort(portLost)
    const output = openSync(logFile, 'w')
    const child = spawn(
      join(binaries.bin, 'postgres'),
      ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
      { ...surroundings(home), detached: true, stdio: ['ignore', output, output] },
    )
    closeSync(output)
    child.unref()
    let ended: string | undefined
    child.once('error', (error) => (ended = error.message))
    child.once('exit', (code, signal) => (ended ??= `exit ${code ?? signal}`))
    const outcome = await poll(giveUpAt - performance.now(), () => {
      if (ended !== undefined || signal?.aborted) return 'ended'
      const file = readPidFile(data)
      return file?.pid === child.pid && file?.status === 'ready' ? 'ready' : undefined
    })
    if (outcome === 'ready') return { child, port }
    const said = existsSync(logFile) ? readFileSync(logFile, 'utf8').slice(-2000) : ''
    await endChild(child, ENDING)
    // Backends of a killed server need a moment to notice; a port can be lost between looking and binding.
    portLost = said.includes('could not bind')
    const passing = portLost || said.includes('is still in use')
    if (!passing || signal?.aborted || performance.now() > giveUpAt) {
      throw new Error(`PostgreSQL did not start (${ended ?? 'not ready in time'}); it said:\n${said.trim()}`)
    }
    await delay(100)
  }
}

/** Makes the application's database when the cluster is new. */
async function ensureDatabase(port: number, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf('postgres', port, password) })
  await client.connect()
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [NAME])
    if (found.rowCount === 0) await client.query(`create database ${NAME}`)
  } finally {
    await client.end()
  }
}
