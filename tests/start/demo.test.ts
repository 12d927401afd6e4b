import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { restClient } from '../harness/rest-client.ts'
import {
  allInOne,
  dataDirectory,
  demo,
  type Program,
  removeData,
  startProgram,
  stillRunning,
} from './program.ts'

/** Starts of the whole, and customers who take their time. */
vi.setConfig({ testTimeout: 180_000 })

const root = join(import.meta.dirname, '../..')
let dataDir: string
let program: Program | undefined

beforeAll(() => {
  dataDir = dataDirectory()
})

afterEach(async () => {
  program?.signal('SIGTERM')
  await program?.ended()
})

afterAll(async () => {
  expect(await stillRunning(dataDir)).toEqual([])
  removeData(dataDir)
})

function startDemo(): Program {
  program = startProgram(demo, { DATA_DIR: dataDir })
  return program
}

const tokenOf = (who: string): string => readFileSync(join(dataDir, 'demo', `${who}.token`), 'utf8')

interface Shown {
  id: string
  status: string
  labels: string[]
  contact: { id: number; name: string }
  assignee?: { name: string }
}

async function conversations(url: string): Promise<Shown[]> {
  const client = restClient(url)
  const answer = await client.call<{ data: Shown[] }>('GET', '/api/v1/conversations?limit=200', {
    token: tokenOf('manager'),
  })
  expect(answer.status).toBe(200)
  return answer.body.data
}

test('[DEMO1] there are people, conversations in every state, and customers who write before a minute is over', async () => {
  const url = await startDemo().ready()
  const shown = await conversations(url)
  expect(shown.length).toBeGreaterThanOrEqual(8)
  // The resolved one may have been reopened by its customer already.
  const states = new Set(shown.map(({ status }) => status))
  expect([...states]).toEqual(expect.arrayContaining(['open', 'pending', 'snoozed']))
  expect(shown.find(({ labels }) => labels.includes('vip'))?.assignee?.name).toBe('Aiko Sato')
  for (const [who, role] of [
    ['admin', 'admin'],
    ['manager', 'manager'],
    ['aiko', 'agent'],
    ['ben', 'agent'],
  ] as const) {
    const me = await restClient(url).call<{ user: { role: string } }>('GET', '/admin/me', {
      token: tokenOf(who),
    })
    expect(me.body.user.role).toBe(role)
  }

  const watch = spawn(process.execPath, [join(root, 'examples/watch.mjs'), url, tokenOf('manager')])
  const lines = createInterface({ input: watch.stdout })
  const names: string[] = []
  for await (const line of lines) {
    names.push(line.split(' ')[0] ?? '')
    if (names.includes('message.received')) break
  }
  watch.kill()
  await once(watch, 'exit')
  expect(names.slice(0, 2)).toEqual(['hello', 'caught-up'])
})

test('[DEMO2] a restart finds everything as it was left, and doubles nothing', async () => {
  const first = startDemo()
  const before = await conversations(await first.ready())
  first.signal('SIGTERM')
  expect(await first.ended()).toBe(0)
  const second = startDemo()
  const url = await second.ready()
  expect(second.lines.some((line) => line.startsWith('demo data: as it was left'))).toBe(true)
  const after = await conversations(url)
  for (const { id } of before) expect(after.map((one) => one.id)).toContain(id)
  // One person, one conversation: nobody was made again.
  expect(new Set(after.map(({ contact }) => contact.name)).size).toBe(after.length)
  const channels = await restClient(url).call<{ data: unknown[] }>('GET', '/api/v1/channels', {
    token: tokenOf('admin'),
  })
  expect(channels.body.data).toHaveLength(1)
})

test('[DEMO3] where numbers of the real WhatsApp are, the demo does not start', async () => {
  const first = startDemo()
  const url = await first.ready()
  const made = await restClient(url).call('POST', '/api/v1/channels', {
    token: tokenOf('admin'),
    json: {
      provider: 'whatsapp-cloud',
      name: 'The real one',
      phoneNumberId: '300000000000001',
      wabaId: '300000000000002',
      displayPhoneNumber: '+1 555 010 0177',
      accessToken: 'a-token',
      appSecret: 'a-secret',
      verifyToken: 'a-word',
    },
  })
  expect(made.status).toBe(201)
  first.signal('SIGTERM')
  await first.ended()
  const second = startDemo()
  expect(await second.ended()).toBe(1)
  expect(second.lines.at(-1)).toContain('The real one (tenant demo)')
  expect(await stillRunning(dataDir)).toEqual([])
  // Without the simulator the same data serves.
  program = startProgram(allInOne, { DATA_DIR: dataDir })
  expect((await conversations(await program.ready())).length).toBeGreaterThanOrEqual(8)
})

test('[DEMO4] the script in the README is the one in examples/', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  expect(readme).toContain(readFileSync(join(root, 'examples/watch.mjs'), 'utf8'))
})
