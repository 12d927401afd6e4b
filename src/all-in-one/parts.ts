import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { startGateway } from '../../gateway/server.ts'
import { startWorkers } from '../../workers/server.ts'
import { commandHandlers } from '../command-handlers.ts'
import type { Deps } from '../deps.ts'
import { forGateway } from '../http/socket-path.ts'
import { type Config, ConfigError } from '../platform/config.ts'
import { arrivalLimits, type Pages, startRest } from '../rest/server.ts'
import { cannotListen } from './free-port.ts'
import type { Opened } from './opened.ts'

/**
 * Starts the parts that RUN names, the gateway and REST on one port, and answers with that port. They leave in the order
 * that loses nothing: sockets are told, requests are answered, work under way gets its outcome, and then everything closes.
 */
export async function startParts(deps: Deps, opened: Opened, pages?: Pages): Promise<number> {
  const { config } = deps
  const runs = (part: string) => config.RUN.includes(part)
  if (!runs('gateway') && !runs('rest'))
    throw new ConfigError(['RUN: names neither gateway nor rest; workers alone are node workers/main.ts'])
  // Alone on a port each answers for all paths; together each leaves the other's alone.
  const shared = runs('gateway') && runs('rest') ? createSharedServer(config) : undefined
  if (shared) opened.defer(() => closeServer(shared))
  const place = shared ? { httpServer: shared } : {}
  try {
    const gateway = runs('gateway')
      ? await startGateway(deps, { ...place, handlers: commandHandlers })
      : undefined
    if (gateway) opened.defer(() => gateway.close())
    const rest = runs('rest') ? await startRest(deps, { ...place, pages }) : undefined
    if (rest) opened.defer(() => rest.close())
    if (runs('workers')) {
      const workers = startWorkers(deps)
      opened.defer(() => workers.close())
    }
    if (rest) opened.defer(() => rest.drain())
    if (gateway) opened.defer(() => gateway.drain())
    if (shared) {
      shared.listen(config.PORT, config.HOST)
      await once(shared, 'listening')
    }
    return rest?.port ?? gateway?.port ?? 0
  } catch (error) {
    throw cannotListen(config, error as NodeJS.ErrnoException)
  }
}

/** For the gateway and REST together: whatever wishes to upgrade is the gateway's on its path alone. */
export function createSharedServer(config: Pick<Config, 'BASE_PATH' | 'REST_REQUEST_MS'>): Server {
  return createServer({ ...arrivalLimits(config), shouldUpgradeCallback: forGateway(config) })
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}
