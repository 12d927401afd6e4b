import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'docs/promises.md'), 'utf8')
const promised = [...text.matchAll(/^- \*\*([A-Z]+\d+)\*\*/gm)].map(([, id = '']) => id)
const cited = new Set(
  globSync('{tests,src,workers,gateway}/**/*.ts', { cwd: root })
    .filter((file) => file.startsWith('tests') || file.endsWith('.test.ts'))
    .flatMap((file) => [...readFileSync(join(root, file), 'utf8').matchAll(/\[([A-Z]{2,}\d+)\]/g)])
    .map(([, id = '']) => id),
)

test('every promise has a number of its own and a test that cites it; no test cites what is not promised', () => {
  expect(promised.length).toBeGreaterThan(300)
  expect(promised.filter((id, place) => promised.indexOf(id) !== place)).toEqual([])
  expect(promised.filter((id) => !cited.has(id))).toEqual([])
  expect([...cited].filter((id) => !promised.includes(id))).toEqual([])
})
