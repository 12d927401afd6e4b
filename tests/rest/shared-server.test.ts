import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import { createSharedServer } from '../../src/all-in-one/parts.ts'
import { startRest } from '../../src/rest/server.ts'
import { startHub } from '../harness/hub.ts'
import { restClient } from '../harness/rest-client.ts'

const webSocketKey = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'

/** Sends these bytes and nothing more; the status of the answer, also of one that leaves the connection open. */
async function statusOf(port: number, bytes: string): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('latin1')
  socket.write(bytes)
  for await (const chunk of socket) return /^HTTP\/1\.1 (\d+)/.exec(String(chunk))?.[1]
  return undefined
}

test.each(['gateway first', 'REST first'])(
  '[OPS4] on one port with the gateway each answers its own paths once, in time, and wishes to upgrade at its own alone (%s)',
  async (order) => {
    await using hub = await startHub({ BASE_PATH: '/hub', REST_REQUEST_MS: '1000' })
    const httpServer = createSharedServer(hub.deps.config)
    const gateway = () =>
      startGateway(hub.deps, { httpServer, handlers: {} as Parameters<typeof startGateway>[1]['handlers'] })
    const rest = () => startRest(hub.deps, { httpServer })
    const parts =
      order === 'gateway first' ? [await gateway(), await rest()] : [await rest(), await gateway()]
    httpServer.listen(0, '127.0.0.1')
    await once(httpServer, 'listening')
    const { port } = httpServer.address() as AddressInfo
    const client = restClient(`http://127.0.0.1:${port}`, '/hub')
    expect((await client.call('GET', '/admin/me', { token: hub.token('agent') })).status).toBe(200)
    // Engine.IO's own refusal of a transport that is switched off, not our 404.
    const polling = await client.call('GET', '/socket.io/?EIO=4&transport=polling')
    expect(polling).toMatchObject({ status: 400, body: { code: 0 } })
    // Engine.IO does not take its path without the slash.
    expect((await client.call('GET', '/socket.io')).status).toBe(404)
    const wish = (path: string, protocol: string) =>
      `GET /hub${path} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade, close\r\nUpgrade: ${protocol}\r\n${webSocketKey}\r\n`
    expect(await statusOf(port, wish('/health', 'h2c'))).toBe('200')
    expect(await statusOf(port, wish('/nothing', 'websocket'))).toBe('404')
    expect(await statusOf(port, wish('/socket.io/?EIO=4&transport=websocket', 'websocket'))).toBe('101')
    expect(await statusOf(port, 'GET /hub/health HTTP/1.1\r\nHost: here\r\n')).toBe('408')
    for (const part of parts) await part.close()
    httpServer.closeAllConnections()
    httpServer.close()
    await once(httpServer, 'close')
  },
)
