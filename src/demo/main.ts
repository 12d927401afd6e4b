import { randomInt } from 'node:crypto'
import { CannotStart, runProgram } from '../all-in-one/program.ts'
import { seconds, terminalProgress } from '../all-in-one/progress.ts'
import { readConfig } from '../platform/config.ts'
import { startDemo } from './start-demo.ts'

await runProgram(readConfig, async (config, opened) => {
  if (config.NODE_ENV === 'production')
    throw new CannotStart('the demo is not for production: it prints tokens and plays a network')
  const startedAt = performance.now()
  const { url, lines } = await startDemo(config, opened, terminalProgress, randomInt(2 ** 31))
  for (const line of lines) terminalProgress.say(line)
  terminalProgress.say(`The Switchboard demo is ready after ${seconds(startedAt)}: ${url}`)
})
