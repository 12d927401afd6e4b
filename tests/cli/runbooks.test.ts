import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/alerts.md'), 'utf8')
const lines = [...new Set([...page.matchAll(/`switchboard ([^`]+)`/g)].map(([, line = '']) => line))]

test('docs/alerts.md tells operators which commands help', () => {
  expect(lines.length).toBeGreaterThan(8)
})

test.each(lines)('[OPS7] the command line takes what docs/alerts.md says: switchboard %s', async (line) => {
  const [name = '', ...rest] = line.split(' ')
  const command = await commands[name]?.load()
  const verb = command && 'verbs' in command ? command.verbs[rest.shift() ?? ''] : command
  if (!verb) throw new Error('there is no such command')
  expect(() => parseArguments(rest, verb)).not.toThrow()
})
