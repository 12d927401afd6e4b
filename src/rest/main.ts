import { runAlone } from '../standalone.ts'
import { startRest } from './server.ts'

await runAlone('rest', async (deps) => {
  const part = await startRest(deps)
  const { HOST, BASE_PATH } = deps.config
  return { part, ready: 'REST is ready', url: `http://${HOST}:${part.port}${BASE_PATH}` }
})
