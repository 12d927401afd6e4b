import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

test('an npm that outlives the command that was killed is waited for, then what is missing is installed', async () => {
  const root = mkdtempSync(join(tmpdir(), 'switchboard-wrapper-'))
  const orphan = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  try {
    mkdirSync(join(root, 'scripts'))
    cpSync(wrapper, join(root, 'scripts/with-node.mjs'))
    const about = { name: 'nothing', version: '1.0.0' }
    writeFileSync(join(root, 'package.json'), JSON.stringify(about))
    const packages = { '': about }
    writeFileSync(
      join(root, 'package-lock.json'),
      JSON.stringify({ ...about, lockfileVersion: 3, requires: true, packages }),
    )
    mkdirSync(join(root, 'node_modules'))
    const lock = join(root, '.installing')
    mkdirSync(lock)
    // A pid that nobody has: Linux stops far below.
    writeFileSync(join(lock, 'pid'), '2000000000')
    writeFileSync(join(lock, 'npm'), `${orphan.pid}\n`)
    const child = spawn(process.execPath, [join(root, 'scripts/with-node.mjs'), 'node', '-e', '0'], {
      stdio: ['ignore', 'inherit', 'pipe'],
    })
    const said: string[] = []
    const ended = once(child, 'exit')
    const output = createInterface(child.stderr).on('line', (line) => said.push(line))
    await once(output, 'line')
    expect(said).toEqual(['switchboard: another command is installing here; waiting for it'])
    orphan.kill('SIGKILL')
    expect(await ended).toEqual([0, null])
    expect(said[1]).toBe('switchboard: installing dependencies (npm ci)')
  } finally {
    orphan.kill('SIGKILL')
    rmSync(root, { recursive: true })
  }
})
