import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keptSecret } from './kept-secret.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'switchboard-secret-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

test('[CFG3] a secret is made once, for its owner alone, and nothing is left beside it', () => {
  const file = join(directory, 'one')
  expect(keptSecret(file, () => 'first')).toBe('first')
  expect(keptSecret(file, () => 'second')).toBe('first')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory)).toEqual(['one'])
})

test('[CFG3] [START2] an empty file, as a full disk or a killed process left it, is no secret', () => {
  const file = join(directory, 'one')
  writeFileSync(file, '')
  expect(keptSecret(file, () => 'made')).toBe('made')
  expect(keptSecret(file, () => 'again')).toBe('made')
})

test('[CFG3] of two that make it at once both have that of the first', () => {
  const file = join(directory, 'one')
  const second = keptSecret(file, () => {
    writeFileSync(file, 'first\n')
    return 'second'
  })
  expect(second).toBe('first')
  expect(readdirSync(directory)).toEqual(['one'])
})

test('[START2] what could not be written leaves nothing behind', () => {
  const file = join(directory, 'one')
  expect(() =>
    keptSecret(file, () => {
      throw new Error('no room')
    }),
  ).toThrow('no room')
  expect(readdirSync(directory)).toEqual([])
})
