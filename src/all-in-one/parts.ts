import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startGateway } from '../../gateway/server.ts'
import { startWorkers } from '../../workers/server.ts'
import { commandHandlers } from '../command-handlers.ts'
import type { Deps } from '../deps.ts'
import { startRest } from '../rest/server.ts'
import { cannotListen } from './free-port.ts'
import type { Opened } from './opened.ts'

/**
 * Starts the parts that RUN names on one port and answers with that port. They leave in the order that loses nothing:
 * sockets are told, requests are answered, work under way gets its outcome, and then everything closes.
 */
export async function startParts(deps: Deps, opened: Opened): Promise<number> {
  const { config } = deps
  const runs = (part: string) => config.RUN.includes(part)
  const httpServer = createServer()
  opened.defer(() => closeServer(httpServer))
  const gateway = runs('gateway')
    ? await startGateway(deps, { httpServer, handlers: commandHandlers })
    : undefined
  const rest = runs('rest') ? await startRest(deps, { httpServer }) : undefined
  opened.defer(async () => {
    await gateway?.close()
    await rest?.close()
  })
  if (runs('workers')) {
    const workers = startWorkers(deps)
    opened.defer(() => workers.close())
  }
  opened.defer(async () => {
    await gateway?.drain()
    await rest?.drain()
  })
  try {
    httpServer.listen(config.PORT, config.HOST)
    await once(httpServer, 'listening')
  } catch (error) {
    throw cannotListen(config, error as NodeJS.ErrnoException)
  }
  return (httpServer.address() as AddressInfo).port
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}
