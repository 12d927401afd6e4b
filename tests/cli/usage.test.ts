import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { cli } from './cli.ts'

const root = join(import.meta.dirname, '../..')
const nowhere = { DATA_DIR: mkdtempSync(join(tmpdir(), 'switchboard-usage-')) }

test('[CLI1] without a command, help goes to standard error and the exit code says so', async () => {
  const bare = await cli(nowhere)
  expect(bare).toMatchObject({ code: 2, stdout: '' })
  const asked = await cli(nowhere, '--help')
  expect(asked).toEqual({ code: 0, stdout: bare.stderr, stderr: '' })
  for (const [name, { summary }] of Object.entries(commands)) {
    expect(asked.stdout).toContain(name)
    expect(asked.stdout).toContain(summary)
  }
})

test('--help of a verb prints its usage and asks no server', async () => {
  const { code, stdout, stderr } = await cli(nowhere, 'key', 'create', '--help')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(
    'usage: switchboard key create --tenant SLUG --name NAME --role ROLE [--scope ACTION]...',
  )
})

test('[CLI1] wrong usage is told with what is right and ends with 2', async () => {
  const { code, stdout, stderr } = await cli(nowhere, 'token', '--rol', 'admin')
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(
    /^switchboard: there is no option --rol; did you mean --role\?\nusage: switchboard token --role ROLE/,
  )
})

test.each(['--json=yes', '--json=', '--help=no'])(
  '[CLI1] %s is refused: it takes no value',
  async (option) => {
    for (const command of [['doctor'], ['config', 'print']]) {
      const { code, stdout, stderr } = await cli(nowhere, ...command, option)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toContain(
        `switchboard: ${option.split('=')[0]} takes no value\nusage: switchboard ${command.join(' ')}`,
      )
    }
  },
)

test('[CLI1] with --json an error is one line of JSON on standard error', async () => {
  const { code, stdout, stderr } = await cli(nowhere, 'token', '--json')
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(JSON.parse(stderr)).toEqual({ error: { code: 'usage', message: '--role is missing: --role ROLE' } })
})

test('--version is the package’s', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  expect(await cli(nowhere, '--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test('what npx starts passes arguments and the exit code on', async () => {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: Record<string, string>
  }
  const child = spawn(process.execPath, [join(root, bin['switchboard'] ?? ''), 'token', '--role', 'boss'], {
    env: { PATH: process.env['PATH'], ...nowhere },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [stderr, exit] = await Promise.all([text(child.stderr), once(child, 'exit')])
  expect(stderr).toContain('--role: expected one of')
  expect(exit).toEqual([2, null])
})

test('a pipe gets no colours', async () => {
  const { stdout } = await cli({ ...nowhere, TERM: 'xterm-256color' }, 'config', 'print')
  expect(stdout).toContain('NODE_ENV')
  expect(stdout.includes('\u001b')).toBe(false)
})

test('a reader that stops reading is no fault', async () => {
  const main = join(root, 'src/cli/main.ts')
  const shell = spawn('/bin/sh', ['-c', `"${process.execPath}" "${main}" config print | head -1`], {
    env: { PATH: process.env['PATH'], ...nowhere },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr)])
  expect(stdout).toMatch(/^SETTING/)
  expect(stderr).toBe('')
})
