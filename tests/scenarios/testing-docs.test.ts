import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const tests = join(import.meta.dirname, '..')
const page = readFileSync(join(tests, '../docs/testing.md'), 'utf8')

/** The rows of the fault matrix: which file is said to hold a test of which name. */
const rows = page
  .slice(page.indexOf('## The fault matrix'))
  .split('\n')
  .flatMap((line) => {
    const [, row = '', , shown = ''] = line.split('|').map((cell) => cell.trim())
    let file = ''
    return [...shown.matchAll(/`([^`]+\.test\.ts)`|"([^"]+)"/g)].flatMap(([, named, words]) => {
      file = named ?? file
      return words === undefined ? [] : [{ row, file, words }]
    })
  })

const threeToEight = ['S3', 'S4', 'S5', 'S6', 'S7', 'S8']

describe('docs/testing.md', () => {
  test('names a test for every row of the fault matrix', () => {
    const named = rows.flatMap(({ row }) => (row === 'S3–S8' ? threeToEight : row.split(', ')))
    for (const row of 'A1 A2 A3 A4 B1 B2 B3 B4 B11 C1 C2 D1 D2 D3 D4 D5 D6 D7 D8 E1 E2 E5 G2 G3 H1 H2 J1 J3 J5 K1 S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S16 S23 S25 S26'.split(
      ' ',
    ))
      expect(named).toContain(row)
  })

  test.each(rows)('$row: $file has a test "$words"', ({ file, words }) => {
    expect(readFileSync(join(tests, file), 'utf8')).toContain(words)
  })
})
