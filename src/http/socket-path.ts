import type { IncomingMessage } from 'node:http'
import type { Config } from '../platform/config.ts'

/**
 * Whether a request is for the gateway's path; exactly what Engine.IO takes, or somebody would be answered by nobody. Also for
 * Node, as `shouldUpgradeCallback` of a server: a wish to upgrade anything else is ignored then, as HTTP allows, and the
 * request is answered. (Clients that would like HTTP/2 wish so with every request.)
 */
export function forGateway({ BASE_PATH }: Pick<Config, 'BASE_PATH'>) {
  const path = `${BASE_PATH}/socket.io/`
  return ({ url }: Pick<IncomingMessage, 'url'>): boolean => url?.startsWith(path) === true
}
