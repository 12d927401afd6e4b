import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { startGateway } from '../../gateway/server.ts'
import { startRest } from '../../src/rest/server.ts'
import { startHub } from '../harness/hub.ts'
import { restClient } from '../harness/rest-client.ts'

test.each(['gateway first', 'REST first'])(
  '[OPS4] on one port with the gateway each answers its own paths once (%s)',
  async (order) => {
    await using hub = await startHub({ BASE_PATH: '/hub' })
    const httpServer = createServer()
    const gateway = () =>
      startGateway(hub.deps, { httpServer, handlers: {} as Parameters<typeof startGateway>[1]['handlers'] })
    const rest = () => startRest(hub.deps, { httpServer })
    const parts =
      order === 'gateway first' ? [await gateway(), await rest()] : [await rest(), await gateway()]
    httpServer.listen(0, '127.0.0.1')
    await once(httpServer, 'listening')
    const client = restClient(`http://127.0.0.1:${(httpServer.address() as AddressInfo).port}`, '/hub')
    expect((await client.call('GET', '/admin/me', { token: hub.token('agent') })).status).toBe(200)
    // Engine.IO's own refusal of a transport that is switched off, not our 404.
    const polling = await client.call('GET', '/socket.io/?EIO=4&transport=polling')
    expect(polling).toMatchObject({ status: 400, body: { code: 0 } })
    for (const part of parts) await part.close()
    httpServer.closeAllConnections()
    httpServer.close()
    await once(httpServer, 'close')
  },
)
