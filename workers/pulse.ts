import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Deps } from '../src/deps.ts'
import { probes } from '../src/platform/probes.ts'

/** The address at which workers that run alone show that they live, and what they count. */
export interface Pulse {
  readonly url: string
  /** From now on /ready says no. */
  drain(): void
  close(): Promise<void>
}

/** Serves /health, /ready and /metrics at HOST and PORT. Fails when the port is taken. */
export async function servePulse(deps: Deps): Promise<Pulse> {
  const { HOST, PORT, BASE_PATH } = deps.config
  let draining = false
  const probe = probes(deps, () => draining)
  const server = createServer((request, response) => {
    probe(request, response).catch((error: unknown) => {
      deps.log.error({ err: error }, 'a probe could not be answered')
      response.destroy()
    })
  })
  server.listen(PORT, HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${HOST}:${port}${BASE_PATH}`,
    drain: () => {
      draining = true
    },
    close: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
