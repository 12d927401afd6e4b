import { commandHandlers } from '../src/command-handlers.ts'
import { runAlone } from '../src/standalone.ts'
import { startGateway } from './server.ts'

await runAlone('gateway', async (deps) => {
  const part = await startGateway(deps, { handlers: commandHandlers })
  const { HOST, BASE_PATH } = deps.config
  return { part, ready: 'the gateway is ready', url: `ws://${HOST}:${part.port}${BASE_PATH}/socket.io` }
})
