import { runProgram } from './all-in-one/program.ts'
import { seconds, terminalProgress } from './all-in-one/progress.ts'
import { startAllInOne } from './all-in-one/start.ts'
import { readConfig } from './platform/config.ts'

await runProgram(readConfig, async (config, opened) => {
  const startedAt = performance.now()
  const { url } = await startAllInOne(config, opened, terminalProgress)
  terminalProgress.say(`Switchboard is ready after ${seconds(startedAt)}: ${url}`)
})
