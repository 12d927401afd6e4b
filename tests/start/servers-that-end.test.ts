import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import jwt from 'jsonwebtoken'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { cliJson } from '../cli/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { restClient } from '../harness/rest-client.ts'
import { TestClient } from '../harness/socket-client.ts'
import { allInOne, dataDirectory, type Program, removeData, startProgram, stillRunning } from './program.ts'

const secret = 'a-secret-of-the-tests-that-is-long-enough-for-hs256'
const token = jwt.sign({ role: 'admin', name: 'Ana' }, secret, {
  issuer: 'cms',
  subject: 'ana',
  expiresIn: 600,
})
/** Starts of the whole, recoveries after a crash, and pauses between them. */
vi.setConfig({ testTimeout: 120_000 })

let dataDir: string
let program: Program | undefined
const clients: TestClient[] = []

beforeAll(() => {
  dataDir = dataDirectory()
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  program?.signal('SIGTERM')
  await program?.ended()
})

afterAll(async () => {
  expect(await stillRunning(dataDir)).toEqual([])
  removeData(dataDir)
})

function start(more: Record<string, string> = {}): Program {
  program = startProgram(allInOne, { DATA_DIR: dataDir, JWT_SECRET: secret, LOG_LEVEL: 'fatal', ...more })
  return program
}

/** The process of a server at this moment: PostgreSQL's data may be elsewhere when root runs the tests. */
function processOf(server: 'postgres' | 'redis'): number {
  const elsewhere = join(dataDir, 'postgres.location')
  const home = existsSync(elsewhere) ? readFileSync(elsewhere, 'utf8').trim() : join(dataDir, 'postgres')
  const file = server === 'postgres' ? join(home, 'data/postmaster.pid') : join(dataDir, 'redis/redis.pid')
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
  expect(pid).toBeGreaterThan(1)
  return pid
}

async function readyAgain(url: string): Promise<void> {
  await eventually(
    async () => expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({ status: 'ready' }),
    30_000,
  )
}

test('[START13] a PostgreSQL or Redis that is killed is started again, and the log and an open socket go on', async () => {
  const running = start()
  const url = await running.ready()
  const rest = restClient(url)
  const write = async (firstName: string): Promise<void> => {
    const made = await rest.call('POST', '/admin/contacts', { token, json: { firstName } })
    expect(made.status).toBe(201)
  }
  const client = new TestClient({ port: Number(new URL(url).port), token })
  clients.push(client)
  await client.next('caught-up')
  const hears = (firstName: string) =>
    client.next('contact.created', (event) => JSON.stringify(event).includes(firstName), 20_000)
  await write('before')
  await hears('before')

  const first = processOf('postgres')
  process.kill(first, 'SIGKILL')
  await running.says(/^PostgreSQL ended \(SIGKILL\); starting it again on port \d+$/)
  await running.says(/^PostgreSQL: port \d+, back after \d+ ms$/)
  await readyAgain(url)
  expect(processOf('postgres')).not.toBe(first)
  await write('between')
  await hears('between')

  process.kill(processOf('redis'), 'SIGKILL')
  await running.says(/^Redis ended \(SIGKILL\); starting it again on port \d+$/)
  await running.says(/^Redis: port \d+, back after \d+ ms$/)
  await readyAgain(url)
  await write('after')
  await hears('after')

  expect(client.of('disconnect')).toEqual([])
  expect(client.faults).toEqual([])
  const { code, answer } = await cliJson({ DATA_DIR: dataDir }, 'verify-log')
  expect({ code, answer }).toMatchObject({ code: 0, answer: { ok: true } })
  running.signal('SIGINT')
  expect(await running.ended()).toBe(0)
  expect(await stillRunning(dataDir)).toEqual([])
})

test('[START14] one that does not stay up after five restarts ends the program with 1 and a sentence', async () => {
  const running = start()
  await running.ready()
  const backs = (): number => running.lines.filter((line) => /^Redis: port .* back after/.test(line)).length
  for (let restarts = 0; restarts <= 5; restarts += 1) {
    await eventually(() => expect(backs()).toBe(restarts), 30_000)
    process.kill(processOf('redis'), 'SIGKILL')
  }
  expect(await running.ended()).toBe(1)
  expect(running.lines.at(-1)).toMatch(
    /^stopping at once: Redis ended \(SIGKILL\), after 5 restarts within a minute; see .*redis\.log$/,
  )
  expect(await stillRunning(dataDir)).toEqual([])
})

test('[START15] asked to stop while PostgreSQL is away, it ends in order once that is back, and soon when that does not come back', async () => {
  const patient = start()
  await patient.ready()
  process.kill(processOf('postgres'), 'SIGKILL')
  await patient.says(/^PostgreSQL ended/)
  patient.signal('SIGINT')
  expect(await patient.ended()).toBe(0)
  expect(patient.lines.some((line) => /^PostgreSQL: .* back after/.test(line))).toBe(true)
  expect(await stillRunning(dataDir)).toEqual([])

  const hindered = start({ SHUTDOWN_GRACE_MS: '100000' })
  await hindered.ready()
  const port = Number(readFileSync(join(dataDir, 'postgres.port'), 'utf8'))
  process.kill(processOf('postgres'), 'SIGKILL')
  await hindered.says(/^PostgreSQL ended/)
  const inTheWay = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1')
  await once(inTheWay, 'listening')
  const askedAt = performance.now()
  hindered.signal('SIGINT')
  expect(await hindered.ended()).toBe(1)
  expect(performance.now() - askedAt).toBeLessThan(20_000)
  expect(hindered.lines.at(-1)).toBe('stopping at once: PostgreSQL is away and does not come back')
  inTheWay.close()
  await once(inTheWay, 'close')
  expect(await stillRunning(dataDir)).toEqual([])
})
