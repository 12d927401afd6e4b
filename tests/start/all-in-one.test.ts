import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import jwt from 'jsonwebtoken'
import { afterAll, afterEach, beforeAll, expect, inject, test, vi } from 'vitest'
import { createEmptyDatabase } from '../harness/database.ts'
import { eventually } from '../harness/eventually.ts'
import { allInOne, dataDirectory, type Program, removeData, startProgram, stillRunning } from './program.ts'
import { checkResponse } from '../harness/check-answer.ts'

const secret = 'a-secret-of-the-tests-that-is-long-enough-for-hs256'
/** Many starts on a busy machine. */
vi.setConfig({ testTimeout: 120_000 })

let dataDir: string
let started: Program[] = []

beforeAll(() => {
  dataDir = dataDirectory()
})

afterEach(async () => {
  for (const program of started) {
    program.signal('SIGKILL')
    await program.ended()
  }
  started = []
})

afterAll(async () => {
  // Whatever a failed test left behind is ended by one more start and stop.
  if ((await stillRunning(dataDir)).length > 0) {
    const last = startProgram(allInOne, { DATA_DIR: dataDir })
    await last.ready()
    last.signal('SIGTERM')
    await last.ended()
  }
  removeData(dataDir)
})

function start(more: Record<string, string> = {}, command = allInOne): Program {
  const program = startProgram(command, { DATA_DIR: dataDir, JWT_SECRET: secret, ...more })
  started.push(program)
  return program
}

/** Who the hub says that we are; the first call makes the user. */
async function whoAmI(url: string): Promise<{ id: string }> {
  const token = jwt.sign({ role: 'admin', name: 'Ana' }, secret, {
    issuer: 'cms',
    subject: 'ana',
    expiresIn: 60,
  })
  const response = await fetch(`${url}/admin/me`, { headers: { authorization: `Bearer ${token}` } })
  expect(response.status).toBe(200)
  await checkResponse('GET', '/admin/me', response)
  return ((await response.json()) as { user: { id: string } }).user
}

test('[START1] it says what it starts, ends with the address, answers there, and SIGTERM leaves nothing running', async () => {
  const program = start()
  const url = await program.ready()
  expect(program.lines.slice(0, -1).join('\n')).toMatch(
    /PostgreSQL.*ready after[\s\S]*database schema.*ready after[\s\S]*gateway, rest, workers: ready after/,
  )
  expect((await fetch(`${url}/ready`)).status).toBe(200)
  expect((await stillRunning(dataDir)).length).toBeGreaterThan(0)
  program.signal('SIGTERM')
  expect(await program.ended()).toBe(0)
  expect(await stillRunning(dataDir)).toEqual([])
})

test('[START2] after kill -9 the next start works, with the data that was there', async () => {
  const first = start()
  const { id } = await whoAmI(await first.ready())
  first.signal('SIGKILL')
  await first.ended()
  const second = start()
  expect((await whoAmI(await second.ready())).id).toBe(id)
  second.signal('SIGINT')
  expect(await second.ended()).toBe(0)
  expect(await stillRunning(dataDir)).toEqual([])
})

test('[START3] a second start in the same directory is refused with the process that has it, and disturbs nothing', async () => {
  const first = start()
  const url = await first.ready()
  const second = start()
  expect(await second.ended()).toBe(1)
  expect(second.lines.at(-1)).toContain(`in use by another Switchboard (process ${first.pid})`)
  expect((await fetch(`${url}/ready`)).status).toBe(200)
})

test('[START4] a port that is taken is told before anything is started, with what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const empty = dataDirectory()
  const program = start({ PORT: String(port), DATA_DIR: empty })
  expect(await program.ended()).toBe(1)
  expect(program.lines.join('\n')).toMatch(new RegExp(`127.0.0.1:${port} is in use .* set PORT`))
  expect(existsSync(join(empty, 'postgres'))).toBe(false)
  other.close()
  removeData(empty)
})

test('[START5] a second signal, and the end of the grace, cut the goodbye short and still leave no child process', async () => {
  const impatient = start({ SHUTDOWN_NOTICE_MS: '60000', SHUTDOWN_GRACE_MS: '70000' })
  await impatient.ready()
  impatient.signal('SIGTERM')
  await impatient.says(/^stopping$/)
  impatient.signal('SIGTERM')
  expect(await impatient.ended()).toBe(1)
  expect(await stillRunning(dataDir)).toEqual([])

  const late = start({ SHUTDOWN_NOTICE_MS: '60000', SHUTDOWN_GRACE_MS: '300' })
  await late.ready()
  late.signal('SIGTERM')
  expect(await late.ended()).toBe(1)
  expect(late.lines.at(-1)).toContain('not done within 300 ms')
  expect(await stillRunning(dataDir)).toEqual([])
})

test('[START6] a signal that comes while it starts ends it as well', async () => {
  const program = start()
  await program.says(/^starting PostgreSQL/)
  program.signal('SIGTERM')
  expect(await program.ended()).toBe(0)
  expect(await stillRunning(dataDir)).toEqual([])
})

test('[START7] when the wrapper that passes signals on is killed, the server goes too', async () => {
  const wrapper = join(import.meta.dirname, '../../scripts/with-node.mjs')
  const program = start({}, [process.execPath, wrapper, ...allInOne])
  const url = await program.ready()
  program.signal('SIGKILL')
  await program.ended()
  await eventually(async () => expect(await stillRunning(dataDir)).toEqual([]))
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})

test('[START8] servers that are given are used, and none is started beside them', async () => {
  const s3 = inject('s3')
  const empty = dataDirectory()
  const program = start({
    DATA_DIR: empty,
    NODE_ENV: 'test',
    DATABASE_URL: (await createEmptyDatabase()).url,
    REDIS_URL: inject('redisUrl'),
    REDIS_PREFIX: '{start8}',
    S3_ENDPOINT: s3.endpoint,
    S3_ACCESS_KEY: s3.accessKey,
    S3_SECRET_KEY: s3.secretKey,
    S3_BUCKET: 'start8',
  })
  const url = await program.ready()
  expect((await fetch(`${url}/ready`)).status).toBe(200)
  expect(existsSync(join(empty, 'postgres'))).toBe(false)
  program.signal('SIGTERM')
  expect(await program.ended()).toBe(0)
  removeData(empty)
})

test('[START9] RUN starts only the parts that it names', async () => {
  const program = start({ RUN: 'rest' })
  const url = await program.ready()
  expect(program.lines.some((line) => line.startsWith('rest: ready'))).toBe(true)
  expect((await fetch(`${url}/ready`)).status).toBe(200)
  expect((await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).status).toBe(404)
  program.signal('SIGTERM')
  expect(await program.ended()).toBe(0)
})

test('[START10] a terminal that is closed ends it in order', async () => {
  const program = start()
  await program.ready()
  program.closeTerminal()
  program.signal('SIGHUP')
  expect(await program.ended()).toBe(0)
  expect(await stillRunning(dataDir)).toEqual([])
})

test('[START11] a fault that nobody caught is told, and leaves no child process', async () => {
  const planted = 'process.once("SIGUSR2", () => { throw new Error("a planted fault") })'
  const [node = '', ...file] = allInOne
  const program = start({}, [node, '--import', `data:text/javascript,${planted}`, ...file])
  await program.ready()
  program.signal('SIGUSR2')
  expect(await program.ended()).toBe(1)
  expect(program.lines.join('\n')).toContain('a planted fault')
  expect(await stillRunning(dataDir)).toEqual([])
})

test('[CFG1] wrong settings are all listed, and nothing is started', async () => {
  const empty = dataDirectory()
  const program = start({ DATA_DIR: empty, PORT: 'http', POLL_MS: '0' })
  expect(await program.ended()).toBe(78)
  expect(program.lines.join('\n')).toMatch(/PORT:[\s\S]*POLL_MS:/)
  expect(existsSync(join(empty, 'postgres'))).toBe(false)
  removeData(empty)
})

test('[START12] a given database that is away, or lets nobody in, or a store that is away, is told in one line with the setting', async () => {
  const empty = dataDirectory()
  const given = new URL((await createEmptyDatabase()).url)
  given.password = 'wrong'
  const program = start({ DATA_DIR: empty, DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' })
  expect(await program.ended()).toBe(1)
  expect(program.lines.at(-1)).toBe(
    'PostgreSQL does not answer (connect ECONNREFUSED 127.0.0.1:1); see whether it runs and what DATABASE_URL says',
  )
  const other = start({ DATA_DIR: empty, DATABASE_URL: given.href })
  expect(await other.ended()).toBe(1)
  expect(other.lines.at(-1)).toMatch(/^PostgreSQL refuses us \(password .*\); see .* DATABASE_URL says$/)
  const third = start({
    DATA_DIR: empty,
    DATABASE_URL: (await createEmptyDatabase()).url,
    REDIS_URL: inject('redisUrl'),
    S3_ENDPOINT: 'http://127.0.0.1:1',
    S3_ACCESS_KEY: 'a',
    S3_SECRET_KEY: 'b',
    NODE_ENV: 'test',
  })
  expect(await third.ended()).toBe(1)
  expect(third.lines.at(-1)).toMatch(/^the object store does not answer \(.*\); see .* S3_ENDPOINT says$/)
  removeData(empty)
})

test.each([
  ['InvalidAccessKeyId', { S3_ACCESS_KEY: 'nobody' }],
  ['SignatureDoesNotMatch', { S3_SECRET_KEY: 'a guess' }],
])(
  '[START12] keys that a given object store does not know are told in one line with the settings: %s',
  async (code, wrong) => {
    const empty = dataDirectory()
    const s3 = inject('s3')
    const program = start({
      DATA_DIR: empty,
      DATABASE_URL: (await createEmptyDatabase()).url,
      REDIS_URL: inject('redisUrl'),
      S3_ENDPOINT: s3.endpoint,
      S3_ACCESS_KEY: s3.accessKey,
      S3_SECRET_KEY: s3.secretKey,
      NODE_ENV: 'test',
      ...wrong,
    })
    expect(await program.ended()).toBe(1)
    expect(program.lines.at(-1)).toBe(
      `the object store refuses us (${code}); see what S3_ACCESS_KEY, S3_SECRET_KEY and S3_BUCKET say`,
    )
    removeData(empty)
  },
)

test('[START12] why a server of ours cannot be made is passed on', async () => {
  const empty = dataDirectory()
  const [node = '', file = ''] = allInOne
  // No file may grow beyond 64 blocks: as on a full disk, but without one.
  const program = start({ DATA_DIR: empty }, ['/bin/sh', '-c', 'ulimit -f 64; exec "$0" "$1"', node, file])
  expect(await program.ended()).toBe(1)
  expect(program.lines.join('\n')).toMatch(/initdb of .* failed\n {2}because: [\s\S]*(too large|size limit)/i)
  expect(await stillRunning(empty)).toEqual([])
  removeData(empty)
})
