import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer, type AddressInfo } from 'node:net'
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

/** What the page of the sign-in links runs, here without a browser. */
interface DeskModule {
  ask: (base: string, token: string, path: string) => Promise<{ status: number; text: string }>
  listPaths: (base: string) => Promise<string[]>
  follow: (
    base: string,
    token: string,
    on: { onEvent: (name: string, data: unknown) => void; onState: (text: string) => void },
  ) => () => void
}

test('[DEMO5] [S10] each sign-in link opens a page that asks and listens as that person; its token is in no address, page or log', async () => {
  const started = startProgram(demo, { DATA_DIR: dataDir, BASE_PATH: '/crmwhats', LOG_LEVEL: 'info' })
  program = started
  const url = await started.ready()
  const links = started.lines.filter((line) => line.includes('#token=')).map((line) => new URL(line.trim()))
  expect(links.map(({ hash }) => hash.slice('#token='.length))).toEqual(
    ['admin', 'manager', 'aiko', 'ben'].map(tokenOf),
  )
  const [link] = links as [URL]
  expect(`${link.origin}${link.pathname}`).toBe(`${url}/demo`)
  const get = (path: string, init?: RequestInit) => fetch(new URL(path, link), init)
  const page = await get('')
  const text = await page.text()
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  const policy = page.headers.get('content-security-policy')?.split('; ') ?? []
  expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "script-src 'self'"]))
  // Its own host alone, live events too: 'self' is also the host's ws: and wss:.
  expect(policy.filter((part) => part.startsWith('connect-src'))).toEqual(["connect-src 'self'"])
  expect(policy.join()).not.toMatch(/\bwss?:|\*/)
  expect(text).not.toMatch(/<style|style=|javascript:|\son\w+=|<script(?![^>]*\ssrc=)/i)
  const parts = [...text.matchAll(/(?:href|src)="(demo\/[^"]+)"/g)].map(([, path = '']) => path)
  expect(parts.toSorted()).toEqual(['demo/page.css', 'demo/page.mjs'])
  for (const path of [...parts, 'demo/desk.mjs']) expect((await get(path)).status, path).toBe(200)
  expect(await (await get('', { method: 'HEAD' })).text()).toBe('')
  for (const [path, method] of [
    ['demo/welcome.ts', 'GET'],
    ['demo/../page.mjs', 'GET'],
    ['demo', 'POST'],
  ] as const)
    expect((await get(path, { method })).status, path).toBe(404)

  const module = new URL('../../src/demo/page/desk.mjs', import.meta.url).href
  const { ask, follow, listPaths } = (await import(module)) as DeskModule
  for (const [place, role] of ['admin', 'manager', 'agent', 'agent'].entries()) {
    const me = await ask(url, links[place]?.hash.slice('#token='.length) ?? '', '/admin/me')
    expect(JSON.parse(me.text)).toMatchObject({ user: { role } })
  }
  expect(await ask(url, 'no-token', '/admin/me')).toMatchObject({ status: 401 })
  // What is typed there is a path, and not another host behind the name of ours.
  expect(await ask(url, tokenOf('ben'), '@127.0.0.1:1/')).toMatchObject({ status: 404 })
  const paths = await listPaths(url)
  expect(paths).toEqual(expect.arrayContaining(['/admin/customers', '/api/v1/conversations']))
  const states: string[] = []
  const refused: string[] = []
  const heard = await new Promise<string>((resolve) => {
    const end = follow(url, tokenOf('manager'), {
      onState: (state) => states.push(state),
      onEvent: (name) => {
        end()
        resolve(name)
      },
    })
  })
  expect([heard, states[0]]).toEqual([expect.stringContaining('.'), expect.stringContaining('Connected')])
  follow(url, 'no-token', { onState: (state) => refused.push(state), onEvent: () => {} })
  await vi.waitFor(() => expect(refused).toEqual([expect.stringContaining('Refused')]))
  const rest = started.lines.filter((line) => !line.includes('#token='))
  for (const { hash } of links) expect(rest.join('\n')).not.toContain(hash.slice('#token='.length))
})

test('[DEMO6] the simulator listens on SIMULATOR_PORT; where somebody else does, the demo says so and does not start', async () => {
  const other = createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  program = startProgram(demo, { DATA_DIR: dataDir, SIMULATOR_PORT: String(port) })
  expect(await program.ended()).toBe(1)
  expect(program.lines.at(-1)).toContain(`127.0.0.1:${port}`)
  other.close()
  await once(other, 'close')
  program = startProgram(demo, { DATA_DIR: dataDir, SIMULATOR_PORT: String(port) })
  await program.ready()
  expect(program.lines.some((line) => line.includes(`simulated at http://127.0.0.1:${port}`))).toBe(true)
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBeGreaterThanOrEqual(400)
})

test('[DEMO5] without the demo there is no such page', async () => {
  program = startProgram(allInOne, { DATA_DIR: dataDir })
  expect((await fetch(`${await program.ready()}/demo`)).status).toBe(404)
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
