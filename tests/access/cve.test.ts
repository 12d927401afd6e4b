import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GatewayHub, startGatewayHub } from '../gateway/setup.ts'
import { RawSocket } from '../harness/raw-socket.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

const root = join(import.meta.dirname, '../..')

interface Locked {
  readonly version?: string
}
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>
}

/** Every copy of a package that the lockfile installs: at the top and inside of others. */
const copiesOf = (name: string) =>
  Object.entries(packages).filter(([path]) => path.endsWith(`node_modules/${name}`))

const numbersOf = (version: string): number[] => version.split(/[.-]/).slice(0, 3).map(Number)

function isAtLeast(version: string, floor: string): boolean {
  const [own, least] = [numbersOf(version), numbersOf(floor)]
  const place = own.findIndex((number, at) => number !== least[at])
  return place === -1 || (own[place] ?? 0) > (least[place] ?? 0)
}

/** The oldest releases without a hole that is known; a row for each advisory that made it so. */
const floors: readonly [name: string, floor: string, why: string][] = [
  ['engine.io', '6.6.10', 'CVE-2026-102599, CVE-2026-59725, CVE-2026-59724, CVE-2023-31125, CVE-2022-41940'],
  ['socket.io-parser', '4.2.7', 'CVE-2026-33151, CVE-2026-69185, CVE-2023-32695'],
  ['ws', '8.21.1', 'CVE-2026-48779, CVE-2026-45736, CVE-2024-37890'],
  ['socket.io', '4.8.0', 'CVE-2024-38355'],
  ['@mikro-orm/core', '7.1.7', 'CVE-2026-34220, CVE-2026-34221, CVE-2026-84993'],
  ['@mikro-orm/postgresql', '7.1.7', 'CVE-2026-34220, CVE-2026-84993'],
  ['@mikro-orm/sql', '7.1.7', 'CVE-2026-34220, CVE-2026-84993'],
  ['@mikro-orm/migrations', '7.1.7', 'belongs to the above'],
  ['express', '5.3.0', 'what it brings along'],
  ['qs', '6.17.0', 'CVE-2025-15284, CVE-2026-2391'],
  ['body-parser', '2.2.1', 'CVE-2025-13466'],
  ['path-to-regexp', '8.4.0', 'CVE-2026-4867 and its kin'],
  ['jsonwebtoken', '9.0.0', 'CVE-2022-23529, CVE-2022-23539, CVE-2022-23540, CVE-2022-23541'],
  ['jws', '4.0.1', 'CVE-2025-65945'],
]

describe('installed releases', () => {
  test.each(floors)('%s is at least %s, every copy of it (%s)', (name, floor) => {
    const copies = copiesOf(name)
    expect(copies.length).toBeGreaterThan(0)
    for (const [path, { version = '0' }] of copies)
      expect(isAtLeast(version, floor), `${path} ${version}`).toBe(true)
  })

  test.each([
    ['@socket.io/cluster-engine', 'CVE-2026-102600'],
    ['multer', 'files go to the store by signed address, never through us'],
    ['fast-jwt', 'CVE-2026-34950'],
    ['@bull-board/express', 'CVE-2026-86005: no dashboard of queues is served'],
    ['@socket.io/admin-ui', 'no dashboard of sockets is served'],
  ])('%s is not installed (%s)', (name) => {
    expect(copiesOf(name)).toEqual([])
  })

  test('what is installed is what the lockfile says', () => {
    for (const [name] of floors)
      for (const [path, { version }] of copiesOf(name)) {
        const own = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as Locked
        expect(own.version, path).toBe(version)
      }
  })

  test('compose and the proxy start no release of Redis or Caddy below its floor', () => {
    const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8')
    for (const [image, floor] of [
      ['redis', '8.6.3'],
      ['caddy', '2.11.5'],
    ] as const) {
      const version = new RegExp(`image: ${image}:(\\d+\\.\\d+\\.\\d+)`).exec(compose)?.[1] ?? '0.0.0'
      expect(isAtLeast(version, floor), `${image} ${version}`).toBe(true)
    }
  })
})

describe('what the advisories describe, done to us', () => {
  let hub: GatewayHub
  let rest: RestClient
  beforeAll(async () => {
    hub = await startGatewayHub()
    rest = await startRestOf(hub)
  })
  afterAll(() => hub[Symbol.asyncDispose]())

  /** The process that is asked is this one: had it died, so had the test. */
  const stillServes = async (): Promise<void> => {
    const client = hub.connect()
    await client.next('caught-up')
    client.close()
    await expect.poll(() => hub.gateway.sessions).toBe(0)
  }

  test('CVE-2026-102599: upgrades with another EIO than the request before, or none', async () => {
    const first = new RawSocket(hub.gateway.port)
    await first.open()
    const sid = /"sid":"([^"]+)"/.exec(await first.next((text) => text.startsWith('0')))?.[1]
    for (const query of [
      `transport=websocket&sid=${sid}`,
      `EIO=3&transport=websocket&sid=${sid}`,
      `EIO=&transport=websocket&sid=${sid}`,
      `EIO=4&EIO=3&transport=websocket&sid=${sid}`,
      `EIO[]=4&transport=websocket&sid=${sid}`,
      `EIO=4&transport=websocket&transport=polling&sid=${sid}`,
      `EIO=4&transport=websocket&sid=${sid}&sid=__proto__`,
    ])
      expect((await new RawSocket(hub.gateway.port, { query }).closed).code, query).toBeGreaterThan(1000)
    first.ws.close()
    await stillServes()
  })

  test('CVE-2026-59725: 300 octet-stream posts to the polling transport leave no connection behind', async () => {
    const post = (query: string) =>
      fetch(`http://127.0.0.1:${hub.gateway.port}/socket.io/?${query}`, {
        method: 'POST',
        body: Buffer.alloc(64),
        headers: { 'content-type': 'application/octet-stream', connection: 'close' },
      }).then(async (response) => {
        await response.arrayBuffer()
        return response.status
      })
    const statuses = await Promise.all(
      Array.from({ length: 300 }, (_, n) => post(`EIO=4&transport=polling&sid=${n % 2 ? 'x' : '__proto__'}`)),
    )
    expect(new Set(statuses)).toEqual(new Set([400]))
    await stillServes()
  })

  test('CVE-2026-33151, CVE-2026-69185: binary packets with no, eleven or a million attachments', async () => {
    for (const packet of [
      '50-["x",{"_placeholder":true,"num":0}]',
      '511-["x",{"_placeholder":true,"num":0}]',
      '51000000-["x",{"_placeholder":true,"num":999999}]',
      '51-["x",{"_placeholder":true,"num":-1}]',
      '51-["x",{"_placeholder":true,"num":"__proto__"}]',
      '5-["x"]',
      '59e9-["x"]',
      '60-1[{"_placeholder":true,"num":0}]',
    ]) {
      const before = process.memoryUsage().rss
      const raw = await hub.raw().open(hub.token('agent'))
      raw.send(packet)
      raw.send(Buffer.from('x'))
      raw.send('2')
      raw.ws.close()
      await raw.closed
      expect(process.memoryUsage().rss - before, packet).toBeLessThan(100 * 1024 * 1024)
    }
    await stillServes()
  })

  test('CVE-2024-38355: events that are named as those of the library', async () => {
    const client = hub.connect()
    await client.next('caught-up')
    for (const name of ['error', 'connect_error', 'disconnecting', 'newListener', '__proto__', 'constructor'])
      client.socket.io.engine.write(`42${JSON.stringify([name, { message: 'x' }])}`)
    client.close()
    await expect.poll(() => hub.gateway.sessions).toBe(0)
    await stillServes()
  })

  test('CVE-2024-37890: a handshake with 2,000 headers', async () => {
    const line = connect(hub.gateway.port, '127.0.0.1')
    line.on('error', () => {})
    line.resume()
    const headers = Array.from({ length: 2000 }, (_, n) => `x-${n}: y\r\n`).join('')
    line.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`,
    )
    await once(line, 'close')
    expect(hub.gateway.sessions).toBe(0)
    await stillServes()
  })

  test('CVE-2026-34220, CVE-2026-34221: objects that an ORM would take for a query or a prototype, as every value of a record', async () => {
    const token = hub.token('admin')
    const made = await rest.call<{ data: { id: number; version: number } }>('POST', '/admin/customers', {
      token,
      json: { name: 'Ana' },
    })
    const path = `/admin/customers/${made.body.data.id}`
    for (const value of [
      { $ne: null },
      { $gt: '' },
      { $or: [] },
      { __raw: true, sql: '1=1' },
      { 'name; drop table customers; --': 1 },
      { toString: 'x' },
      [{ $in: ['x'] }],
    ])
      for (const member of ['name', 'email', 'ownerId', 'status', 'source'])
        for (const [method, where] of [
          ['POST', '/admin/customers'],
          ['PATCH', path],
        ] as const)
          expect(
            (await rest.refused(method, where, { token, json: { name: 'x', [member]: value } })).code,
            `${method} ${member} ${JSON.stringify(value)}`,
          ).toBe('validation_failed')
    const raw = `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"name":"x"}`
    const polluted = await rest.refused('PATCH', path, {
      token,
      raw,
      headers: { 'content-type': 'application/json' },
    })
    expect(polluted.code).toBe('validation_failed')
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect((await rest.call('GET', path, { token })).body).toMatchObject({
      data: { name: 'Ana', version: 1 },
    })
  })

  test('CVE-2026-84993: directions and columns of a sort that are SQL', async () => {
    const token = hub.token('admin')
    for (const query of [
      'sort=name&order=asc;drop table customers',
      'sort=name&order=asc nulls first',
      'sort=name desc',
      'sort=(select 1)',
      'order=__proto__',
      'sort[name]=asc',
      'sort=name&sort=createdAt',
    ])
      for (const path of ['/admin/customers', '/admin/deals', '/admin/contacts', '/admin/audit-logs'])
        expect(
          (await rest.refused('GET', `${path}?${encodeURI(query)}`, { token })).code,
          `${path}?${query}`,
        ).toBe('validation_failed')
  })

  test('CVE-2025-15284, CVE-2026-2391: bombs in a query are refused in little time, and brackets mean nothing', async () => {
    const token = hub.token('admin')
    for (const query of [
      `q${'[a]'.repeat(2000)}=1`,
      Array.from({ length: 1500 }, (_, n) => `a[${n}]=1`).join('&'),
      `status=${'a,'.repeat(3000)}`,
      '__proto__[polluted]=1&constructor[prototype][polluted]=1',
    ]) {
      const began = process.cpuUsage()
      const answer = await rest.call('GET', `/admin/customers?${query}`, { token })
      const { user } = process.cpuUsage(began)
      expect(answer.status).toBe(400)
      expect(user / 1000).toBeLessThan(500)
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})
