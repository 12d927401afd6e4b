import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startPostgres } from '../../src/embedded/postgres.ts'

let dataDir: string
let server: EmbeddedServer | undefined

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'switchboard-pg-'))
  chmodSync(dataDir, 0o755)
})

afterAll(async () => {
  await server?.stop()
  rmSync(dataDir, { recursive: true })
})

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

/** Starts the server from a process of its own, which is then killed the hard way; returns the URL it printed. */
async function startAndKillStarter(): Promise<string> {
  const module = new URL('../../src/embedded/postgres.ts', import.meta.url).href
  const program = `const { startPostgres } = await import(${JSON.stringify(module)})
    const { url } = await startPostgres({ dataDir: ${JSON.stringify(dataDir)}, log: () => {} })
    console.log(url)
    setInterval(() => {}, 1000)`
  const starter = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [printed] = (await once(starter.stdout, 'data')) as [Buffer]
  starter.kill('SIGKILL')
  await once(starter, 'exit')
  return printed.toString().trim()
}

test('a server that a killed run left behind does not block the next start, and keeps committed rows and the port', async () => {
  const url = await startAndKillStarter()
  await query(url, 'create table kept (n int)')
  await query(url, 'insert into kept values (1)')
  const told: string[] = []
  server = await startPostgres({ dataDir, log: (line) => told.push(line) })
  expect(told.join()).toContain('left behind')
  expect(server.url).toBe(url)
  expect(await query(server.url, 'select n from kept')).toEqual([{ n: 1 }])
})

test('it is durable unless told otherwise, speaks UTF-8 and sorts by code point', async () => {
  const [settings] = await query(
    server?.url ?? '',
    `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
            current_setting('server_encoding') as encoding, current_setting('listen_addresses') as listens,
            (select datcollate from pg_database where datname = current_database()) as collation`,
  )
  expect(settings).toEqual({
    fsync: 'on',
    commit: 'on',
    encoding: 'UTF8',
    listens: '127.0.0.1',
    collation: 'C',
  })
})

test('a wrong password is refused', async () => {
  const url = new URL(server?.url ?? '')
  url.password = 'guess'
  await expect(query(url.href, 'select 1')).rejects.toThrow(/password authentication failed/)
})

test('a pid file that names somebody else by now is not believed: that process lives, and the server starts', async () => {
  await server?.stop()
  const bystander = spawn('sleep', ['600'], { stdio: 'ignore' })
  const pidFile = join(dataDir, 'postgres/data/postmaster.pid')
  writeFileSync(pidFile, `${bystander.pid}\n${join(dataDir, 'postgres/data')}\n`)
  server = await startPostgres({ dataDir, log: () => {} })
  expect(readFileSync(pidFile, 'utf8')).not.toMatch(new RegExp(`^${bystander.pid}\n`))
  expect(bystander.exitCode).toBeNull()
  expect(bystander.signalCode).toBeNull()
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
  bystander.kill()
})

test('data of another major version is refused with a sentence that names both', async () => {
  await server?.stop()
  const version = join(dataDir, 'postgres/data/PG_VERSION')
  const was = readFileSync(version, 'utf8')
  writeFileSync(version, '9\n')
  await expect(startPostgres({ dataDir, log: () => {} })).rejects.toThrow(/the data is of version 9/)
  writeFileSync(version, was)
})
