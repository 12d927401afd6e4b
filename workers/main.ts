import { runAlone } from '../src/standalone.ts'
import { servePulse } from './pulse.ts'
import { startWorkers } from './server.ts'

await runAlone('workers', async (deps) => {
  const pulse = await servePulse(deps)
  const workers = startWorkers(deps)
  const close = async (): Promise<void> => {
    pulse.drain()
    await workers.close()
    await pulse.close()
  }
  return { part: { close }, ready: 'workers are ready', url: pulse.url }
})
