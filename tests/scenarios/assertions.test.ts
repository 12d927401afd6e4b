import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from '@swc/core'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

type Node = Readonly<Record<string, unknown>> & { readonly span?: { readonly start: number } }

/** Within `toMatchObject` these have no members to compare, so whatever stands in their place matches. */
function saysNothing({ type, properties, callee }: Node): boolean {
  if (type === 'RegExpLiteral') return true
  if (type === 'ObjectExpression') return (properties as unknown[]).length === 0
  return type === 'NewExpression' && ['Set', 'Map'].includes(String((callee as Node)['value']))
}

function emptyExpectations(code: string): string[] {
  const program = parseSync(code, { syntax: 'typescript', target: 'es2024' })
  const bytes = Buffer.from(code)
  const found: string[] = []
  const walk = (node: unknown, isExpected: boolean): void => {
    if (typeof node !== 'object' || node === null) return
    const { type, callee, arguments: given, span } = node as Node
    if (isExpected && saysNothing(node as Node)) {
      const before = bytes.subarray(0, (span?.start ?? 0) - program.span.start).toString()
      found.push(`line ${before.split('\n').length}`)
      return
    }
    if (type === 'CallExpression') {
      const name = ((callee as Node)['property'] as Node | undefined)?.['value']
      walk(callee, isExpected)
      // What other matchers and functions are given is compared by them.
      for (const argument of given as unknown[]) walk(argument, name === 'toMatchObject')
      return
    }
    for (const member of Object.values(node)) walk(member, isExpected)
  }
  walk(program, false)
  return found
}

test('an expectation that matches everything is found', () => {
  const planted = `
    expect(it).toMatchObject({ text: 'ä', payload: {} })
    expect(it).toMatchObject({ who: [{ name: /Zoe/ }], all: new Set([1]) })
    expect(it).toMatchObject({ payload: expect.objectContaining({}), text: expect.stringMatching(/x/), at: new Date() })
    expect(it).toEqual({ payload: {} })
    expect(call({})).toMatchObject({ text: 'x', more: made({}) })`
  expect(emptyExpectations(planted)).toEqual(['line 2', 'line 3', 'line 3'])
})

test('no test of ours expects what everything matches', () => {
  const files = globSync('{tests,src,gateway,workers}/**/*.ts', { cwd: root }).filter(
    (file) => file !== 'tests/scenarios/assertions.test.ts',
  )
  expect(files.length).toBeGreaterThan(300)
  const found = files.flatMap((file) => {
    const code = readFileSync(join(root, file), 'utf8')
    return code.includes('toMatchObject') ? emptyExpectations(code).map((at) => `${file}: ${at}`) : []
  })
  expect(found).toEqual([])
})
