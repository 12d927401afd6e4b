import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { parseSync } from '@swc/core'
import { describe, expect, test } from 'vitest'
import { operations } from '../harness/documents.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

interface Found {
  readonly at: string
  readonly pattern: string
  readonly flags: string
}

/** Shows every node of the sources of the processes. */
function walkSources(see: (node: Readonly<Record<string, unknown>>, file: string) => void): void {
  const files = globSync('{src,gateway,workers,console/src,client/src}/**/*.{ts,tsx}', { cwd: root })
  for (const file of files.filter((one) => !one.endsWith('.test.ts'))) {
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      see(node as Record<string, unknown>, file)
      for (const member of Object.values(node)) walk(member)
    }
    walk(parseSync(read(file), { syntax: 'typescript', tsx: file.endsWith('x'), target: 'es2024' }))
  }
}

/** Every regular expression in the sources of the processes. */
function expressions(): Found[] {
  const found: Found[] = []
  walkSources(({ type, pattern, flags }, at) => {
    if (type === 'RegExpLiteral' && typeof pattern === 'string')
      found.push({ at, pattern, flags: typeof flags === 'string' ? flags : '' })
  })
  return found
}

/** The last name of `a`, `a.b` or `a.b()`; null of a literal, `undefined` and everything else. */
function nameOf(node: unknown): string | null {
  const { type, value, property, callee } = node as Record<string, unknown>
  if (type === 'Identifier') return value === 'undefined' ? null : String(value)
  if (type === 'MemberExpression') return nameOf(property)
  if (type === 'CallExpression') return nameOf(callee)
  return null
}

const length = 50_000

/** Texts that a careless expression chokes on: runs of what it looks for, pairs of it, and an end that does not fit. */
function adversaries(pattern: string): string[] {
  const literals = [...new Set(pattern.replaceAll(/\\[a-zA-Z]|[\\^$.*+?()[\]{}|]/g, ''))].slice(0, 12)
  const units = new Set(['a', '0', ' ', '\t', '\n', '-', '.', '/', '"', '\\', '=', 'é', ...literals])
  const pairs = literals
    .slice(0, 5)
    .flatMap((one) => ['a', '0', ' ', ...literals.slice(0, 5)].map((two) => one + two))
  return [...units, ...pairs].flatMap((unit) => {
    const run = unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
    return [run, `${run}\u0000!`]
  })
}

describe('regular expressions', () => {
  test('S37 none of ours takes more than 50 ms with 50 kB of anything', () => {
    const all = expressions()
    expect(all.length).toBeGreaterThan(80)
    const slow: string[] = []
    for (const { at, pattern, flags } of all) {
      const context = createContext({ text: '' })
      runInContext(
        `var expression = new RegExp(${JSON.stringify(pattern)}, ${JSON.stringify(flags)})`,
        context,
      )
      for (const text of adversaries(pattern)) {
        context['text'] = text
        // Processor time: whatever else the machine does must not be blamed on an expression.
        const took = () => {
          const began = process.cpuUsage()
          runInContext('expression.lastIndex = 0; expression.test(text)', context, { timeout: 2000 })
          return process.cpuUsage(began).user / 1000
        }
        try {
          // Twice more before it is blamed: collecting garbage takes time as well.
          if (took() > 50 && took() > 50 && took() > 50) throw new Error('slow')
        } catch {
          slow.push(
            `${at}: /${pattern}/${flags} on ${JSON.stringify(text.slice(0, 4))}… and ${JSON.stringify(text.slice(-2))}`,
          )
          break
        }
      }
    }
    expect(slow).toEqual([])
  }, 120_000)
})

test('S23 nothing that proves who somebody is is compared by an operator, whose time tells how much of it was right', () => {
  const proof = /signature|secret|hmac|digest|verifyToken|apiKey|webhookKey|password$/i
  const compared: string[] = []
  let seen = 0
  walkSources(({ type, operator, left, right }, at) => {
    if (type !== 'BinaryExpression' || !/^[!=]==?$/.test(String(operator))) return
    seen += 1
    const [one, other] = [nameOf(left), nameOf(right)]
    if (one !== null && other !== null && (proof.test(one) || proof.test(other)))
      compared.push(`${at}: ${one} ${String(operator)} ${other}`)
  })
  expect(seen).toBeGreaterThan(1000)
  expect(compared).toEqual([])
})

describe('what is installed', () => {
  interface Package {
    readonly version: string
    readonly integrity?: string
    readonly link?: boolean
    readonly hasInstallScript?: boolean
  }
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Package> }
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>

  test('S35 every package has one exact release and the hash of its bytes', () => {
    for (const group of ['dependencies', 'devDependencies', 'optionalDependencies'])
      for (const [name, range] of Object.entries(manifest[group] ?? {}))
        expect(range, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/)
    for (const [path, { integrity, link }] of Object.entries(lock.packages))
      if (path.startsWith('node_modules/') && !link) expect(integrity, path).toMatch(/^sha512-/)
  })

  test('S35 no package runs a script when it is installed, and the image installs the lockfile and nothing else', () => {
    const allowed = manifest['allowScripts'] as unknown as Record<string, boolean>
    for (const [path, { hasInstallScript }] of Object.entries(lock.packages))
      if (hasInstallScript) expect(allowed[path.split('node_modules/').at(-1) ?? ''], path).toBe(false)
    expect(read('ops/Dockerfile')).toMatch(/npm ci [^\n]*--ignore-scripts/)
    expect(read('ops/Dockerfile')).not.toMatch(/npm (install|i) /)
  })
})

describe('what is started', () => {
  const compose = read('docker-compose.yml')

  /** The text of a part of the file, by the name at its head. */
  const part = (name: string, indent: number): string => {
    const pad = ' '.repeat(indent)
    const lines = compose.split('\n')
    const from = lines.findIndex((line) => line.startsWith(`${pad}${name}:`))
    const to = lines.findIndex((line, at) => at > from && line.trim() !== '' && !line.startsWith(`${pad} `))
    return lines.slice(from, to === -1 ? undefined : to).join('\n')
  }

  test('S36 our processes run as nobody special, cannot write, have no capability and cannot get one', () => {
    expect(read('ops/Dockerfile')).toMatch(/^USER (?!root|0)\w+/m)
    const ours = part('x-hub', 0)
    for (const line of ['read_only: true', 'cap_drop: [ALL]', 'no-new-privileges:true', 'init: true'])
      expect(ours).toContain(line)
    for (const name of ['gateway', 'rest', 'workers', 'migrate']) expect(part(name, 2)).toContain('<<: *hub')
  })

  test('S36 what others made cannot get new rights either', () => {
    for (const name of ['postgres', 'redis', 'minio', 'caddy'])
      expect(part(name, 2), name).toContain('no-new-privileges:true')
  })

  test('S34 only the proxy has a port to the outside, and it tells strangers neither metrics nor states', () => {
    for (const name of ['gateway', 'rest', 'workers', 'postgres', 'redis', 'minio'])
      expect(part(name, 2), name).not.toMatch(/^\s+ports:/m)
    expect(part('caddy', 2)).toMatch(/ports: \["80:80", "443:443"\]/)
    const proxy = read('Caddyfile')
    expect(proxy).toMatch(/@inside path [^\n]*\/metrics/)
    expect(proxy).toMatch(/handle @inside \{\s+respond 404/)
    expect(proxy).not.toMatch(/^\s*admin\s+(?!off|unix)/m)
  })
})

test('CVE-2026-4867 no path has three members between two slashes', () => {
  for (const { path } of operations)
    for (const segment of path.split('/')) expect(segment.split('{').length - 1, path).toBeLessThan(3)
})
