import { once } from 'node:events'
import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Express } from 'express'
import type { Deps } from '../deps.ts'
import { forGateway } from '../http/socket-path.ts'
import type { Config } from '../platform/config.ts'
import { readinessOf } from '../platform/readiness.ts'
import { createApp } from './app.ts'
import { EntryCache } from './entry-cache.ts'

/** Answers requests for pages that are not of the interface, before it sees them; false leaves them to it. */
export type Pages = (request: IncomingMessage, response: ServerResponse) => boolean

/** A server to live on beside others, or a port of our own (default PORT on HOST; 0 picks a free one). */
export interface RestOptions {
  readonly httpServer?: Server
  readonly port?: number
  readonly pages?: Pages | undefined
}

export interface RestServer {
  /** Where it listens; 0 on a server of others that does not listen yet. */
  readonly port: number
  /** Says "not ready" from now on, answers what is under way and what still comes, then closes a server of its own. */
  drain(): Promise<void>
  /** Frees everything at once. A server of others stays open. */
  close(): Promise<void>
}

const headerCount = 100
/** Longer than proxies keep an idle connection, so that they close it and not we under their next request. */
const keepAliveMs = 75_000

/** Options of a server whose requests arrive within REST_REQUEST_MS: for REST alone, or for it and the gateway together. */
export function arrivalLimits({ REST_REQUEST_MS }: Pick<Config, 'REST_REQUEST_MS'>) {
  return {
    requestTimeout: REST_REQUEST_MS,
    headersTimeout: REST_REQUEST_MS,
    keepAliveTimeout: keepAliveMs,
    // Node looks for requests that take too long this often; its own 30 s would double a limit of 30 s.
    connectionsCheckingInterval: Math.max(100, Math.min(5000, REST_REQUEST_MS / 4)),
  }
}

/** Starts the REST server. Needs neither database nor Redis to start. */
export async function startRest(
  deps: Deps,
  { httpServer, port, pages }: RestOptions = {},
): Promise<RestServer> {
  const { config } = deps
  const entries = new EntryCache(deps)
  const readiness = readinessOf(deps)
  let draining = false
  const app = createApp(deps, { entries, readiness: () => readiness(draining) })
  const isForGateway = forGateway(config)
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // On a server that is shared with the gateway its paths are not ours, whoever came first.
    if (httpServer !== undefined && isForGateway(request)) return
    if (draining) response.setHeader('connection', 'close')
    if (pages?.(request, response) !== true) app(request, response)
  }
  const server = httpServer ?? createServer({ ...arrivalLimits(config), ...bornAs(app) })
  server.maxHeadersCount = headerCount
  server.on('request', listener)
  if (httpServer === undefined) {
    server.listen(port ?? config.PORT, config.HOST)
    await once(server, 'listening')
  }
  return {
    get port() {
      return (server.address() as AddressInfo | null)?.port ?? 0
    },
    drain: async () => {
      draining = true
      // Balancers must see "not ready" before the door closes.
      await pause(config.SHUTDOWN_NOTICE_MS)
      if (httpServer !== undefined) return
      server.close()
      server.closeIdleConnections()
      await once(server, 'close')
    },
    close: async () => {
      draining = true
      entries.close()
      server.off('request', listener)
      if (httpServer !== undefined || !server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/**
 * Requests and answers that are from the beginning what Express makes of them. It gives each another prototype, which costs
 * a call into the engine and all that the engine has learned of them; when it is theirs already, nothing.
 */
function bornAs(app: Express) {
  class Incoming extends IncomingMessage {}
  class Outgoing extends ServerResponse<IncomingMessage> {}
  Object.setPrototypeOf(Incoming.prototype, app.request)
  Object.setPrototypeOf(Outgoing.prototype, app.response)
  Object.assign(app, { request: Incoming.prototype, response: Outgoing.prototype })
  return { IncomingMessage: Incoming, ServerResponse: Outgoing }
}
