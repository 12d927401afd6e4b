import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../../src/platform/config.ts'
import { settings } from '../../src/platform/config-keys.ts'

const root = join(import.meta.dirname, '../..')

test('[CFG5] .env.example and the README say of every setting what the code says', () => {
  const run = spawnSync(process.execPath, [join(root, 'scripts/settings-docs.mjs'), '--check'], {
    encoding: 'utf8',
  })
  expect(run.stderr).toBe('')
  expect(run.status).toBe(0)
})

test('[CFG5] .env.example with every line uncommented is the same as no settings at all', () => {
  const lines = [...readFileSync(join(root, '.env.example'), 'utf8').matchAll(/^#([A-Z0-9_]+)=(.*)$/gm)]
  expect(lines.map((line) => line[1])).toEqual(Object.keys(settings))
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'switchboard-example-'))
  const given = Object.fromEntries(lines.map(([, name, value]) => [name, value]))
  expect(readConfig({ ...given, DATA_DIR })).toEqual(readConfig({ DATA_DIR }))
})
