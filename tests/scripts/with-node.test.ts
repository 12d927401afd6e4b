import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const wrapper = fileURLToPath(new URL('../../scripts/with-node.mjs', import.meta.url))

/** Counts the signals it gets and ends 300 ms after the first, with their number in the exit code: 40 + n. */
const counter = `let n = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {
    console.log(signal)
    if (++n === 1) setTimeout(() => process.exit(40 + n), 300)
  })
  setInterval(() => {}, 1000)
  console.log(process.pid)`

async function wrap(...command: string[]): Promise<{ child: ChildProcess; firstLine: string }> {
  const child = spawn(process.execPath, [wrapper, ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [firstLine] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { child, firstLine }
}

test('a signal reaches the command exactly once, copies of it do not, and the exit code is the command’s', async () => {
  const { child } = await wrap('node', '-e', counter)
  child.kill('SIGINT')
  child.kill('SIGINT')
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([41, null])
})

test('a command that is killed shows as 128 + the signal', async () => {
  const { child, firstLine } = await wrap('node', '-e', counter)
  process.kill(Number(firstLine), 'SIGKILL')
  expect(await once(child, 'exit')).toEqual([137, null])
})

test('a shell that dies between npm and us, as npm does on SIGTERM, ends the command cleanly', async () => {
  const shell = spawn('/bin/sh', ['-c', `"${process.execPath}" "${wrapper}" node -e "$0"; true`, counter], {
    env: { ...process.env, npm_lifecycle_event: 'start' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const output = createInterface(shell.stdout).on('line', (line) => lines.push(line))
  await once(output, 'line')
  shell.kill('SIGKILL')
  // The command holds the other end of the pipe: it closes when the command has ended.
  await once(output, 'close')
  expect(lines.slice(1)).toEqual(['SIGTERM'])
})

test('a killed npm, whose shell still waits for us, ends the command cleanly', async () => {
  const npm = `require('node:child_process').spawn(
    '/bin/sh', ['-c', process.argv[1], process.argv[2]], { stdio: 'inherit' })`
  const line = `"${process.execPath}" "${wrapper}" node -e "$0"; true`
  const parent = spawn(process.execPath, ['-e', npm, line, counter], {
    env: { ...process.env, npm_lifecycle_event: 'start' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const output = createInterface(parent.stdout).on('line', (one) => lines.push(one))
  await once(output, 'line')
  parent.kill('SIGKILL')
  await once(output, 'close')
  expect(lines.slice(1)).toEqual(['SIGTERM'])
})
