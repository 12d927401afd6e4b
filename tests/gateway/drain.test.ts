import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import { eventually } from '../harness/eventually.ts'
import { RawSocket } from '../harness/raw-socket.ts'
import { TestClient } from '../harness/socket-client.ts'
import { withTenantOwner } from './owner.ts'
import { echoing, startGatewayHub } from './setup.ts'

const conversationId = '01900000-0000-7000-8000-000000000001'

test('[GW15] G1: a gateway that goes away says bye with times spread over the allowance, and nobody misses anything', async () => {
  await using hub = await startGatewayHub({ SOCKET_RECONNECT_SPREAD_MS: '10000', SOCKETS_PER_USER: '100' })
  const { gateway: second } = await hub.another()
  const clients = Array.from({ length: 20 }, () => hub.connect({ port: second.port }))
  for (const client of clients) await client.next('caught-up')
  const started = performance.now()
  await second.drain()
  expect(performance.now() - started).toBeLessThan(3000)
  const times: number[] = []
  for (const client of clients) {
    const bye = await client.next('bye')
    expect(bye).toMatchObject({ code: 'draining', reconnect: true })
    times.push(Number(bye['retryAfterMs']))
    expect(await client.next('disconnect')).toEqual({ reason: 'transport close' })
  }
  times.sort((a, b) => a - b)
  expect(times[0]).toBeLessThan(1000)
  expect(times.at(-1)).toBeGreaterThan(9000)
  expect(times.at(-1)).toBeLessThanOrEqual(10_000)
  expect(second.sessions).toBe(0)
  await hub.happen(5)
  const [first] = clients
  const back = hub.connect({ position: first!.position })
  await back.next('caught-up')
  expect(back.of('consent.changed')).toHaveLength(5)
  expect(back.of('reset')).toEqual([])
})

test('[GW15] a newcomer whose rights are being looked up when the drain begins is sent elsewhere', async () => {
  await using hub = await startGatewayHub()
  const { gateway } = await hub.another()
  const late = new RawSocket(gateway.port)
  await late.open()
  await withTenantOwner(hub, async (query) => {
    await query('begin; lock table users in access exclusive mode')
    late.send(`40${JSON.stringify({ token: hub.token('agent', { sub: 'late' }) })}`)
    await eventually(async () => {
      const { rows } = await query(
        `select 1 from pg_locks where not granted and relation = 'users'::regclass`,
      )
      expect(rows.length).toBeGreaterThan(0)
    })
    const draining = gateway.drain()
    await query('commit')
    expect(await late.next((text) => text.startsWith('44'))).toContain('"draining"')
    await draining
  })
  expect(gateway.sessions).toBe(0)
})

test('[GW15] a command under way is answered before goodbye, and a newcomer is sent elsewhere', async () => {
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const httpServer = createServer()
  await new Promise<void>((resolve) => httpServer.listen(0, '127.0.0.1', resolve))
  await using hub = await startGatewayHub()
  const gateway = await startGateway(hub.deps, {
    httpServer,
    handlers: echoing({ 'conversation.read': () => held.then(() => 'done') }),
  })
  const ana = hub.connect({ port: gateway.port })
  await ana.next('caught-up')
  const answer = ana.send('conversation.read', { conversationId, seq: 1 })
  await expect.poll(() => ana.socket.connected).toBe(true)
  const early = new RawSocket(gateway.port)
  await early.open()
  const draining = gateway.drain()
  early.send(`40${JSON.stringify({ token: hub.token('agent') })}`)
  expect(await early.next((text) => text.startsWith('44'))).toContain('"draining"')
  release()
  expect(await answer).toEqual({ ok: true, data: 'done' })
  await draining
  expect(await ana.next('bye')).toMatchObject({ code: 'draining' })
  await gateway.close()
  // The server is not ours to close.
  expect(httpServer.listening).toBe(true)
  await new Promise((resolve) => {
    httpServer.close(resolve)
    httpServer.closeAllConnections()
  })
})

test('[GW15] the process starts with plain node, answers probes, and is gone after SIGTERM within its grace', async () => {
  await using hub = await startGatewayHub()
  const port = await freePort()
  const child = fork(join(import.meta.dirname, '../../gateway/main.ts'), [], {
    env: {
      ...process.env,
      ...hub.environment,
      PORT: String(port),
      LOG_LEVEL: 'info',
      BASE_PATH: '/crm',
    } as NodeJS.ProcessEnv,
    execArgv: ['--no-warnings'],
    silent: true,
  })
  hub.onClose(() => Promise.resolve(child.kill('SIGKILL')))
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (printed += String(chunk)))
  const probe = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: answer.status, body: await answer.text() }
  }
  await eventually(async () => expect((await probe('/crm/ready')).status, printed).toBe(200), 20_000)
  expect(await probe('/health')).toMatchObject({ status: 200 })
  const token = hub.token('agent')
  const ana = new TestClient({ port, token, path: '/crm/socket.io' })
  await ana.next('caught-up')
  await hub.happen()
  await ana.next('consent.changed')
  expect((await probe('/metrics')).body).toMatch(/^hub_sockets 1$/m)
  const exited = once(child, 'exit')
  const started = performance.now()
  child.kill('SIGTERM')
  expect(await ana.next('bye')).toMatchObject({ code: 'draining' })
  expect(await exited).toEqual([0, null])
  expect(performance.now() - started).toBeLessThan(5000)
  expect(printed).toContain('the gateway is ready')
  expect(printed).not.toContain(token)
  ana.close()
})

test('[GW15] a gateway process with a configuration that cannot work says everything at once and exits with 78', async () => {
  const child = fork(join(import.meta.dirname, '../../gateway/main.ts'), [], {
    env: { PATH: process.env['PATH'], NODE_ENV: 'test', PORT: 'x', POLL_MS: '0' },
    execArgv: ['--no-warnings'],
    silent: true,
  })
  let printed = ''
  child.stderr?.on('data', (chunk: Buffer) => (printed += String(chunk)))
  expect(await once(child, 'exit')).toEqual([78, null])
  expect(printed).toContain('PORT')
  expect(printed).toContain('POLL_MS')
})

async function freePort(): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
