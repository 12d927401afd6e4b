/**
 * `npm run check`: everything that can be said about the code without running it. Each check prints one line with its
 * time; what the failed ones found follows at the end. `npm run check -- types lint` runs only those.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)

/** Runs a tool of node_modules/.bin. */
const tool = (name, ...args) => execute(join(root, 'node_modules/.bin', name), ...args)

/** Runs a program; its output is kept, not shown. */
function execute(program, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.once('error', reject)
    child.once('close', (code) => resolve({ ok: code === 0, stdout, output: `${stdout}${stderr}`.trim() }))
  })
}

/** The names of the files are enough: `npm run format` writes them as they should be. */
async function format() {
  const run = await tool('biome', 'format', '--colors=off', '--max-diagnostics=none', '.')
  const files = [...run.output.matchAll(/^(\S+) format\b/gm)].map(
    (match) => `${match[1]}: not formatted; npm run format`,
  )
  return { ok: run.ok, output: files.join('\n') || run.output }
}

/** dependency-cruiser reads nothing at all, and finds nothing wrong, when it lacks a parser: so its count is checked. */
async function imports() {
  const roots = ['src', 'gateway', 'workers', 'client', 'console/src', 'bench', 'tests'].filter((path) =>
    existsSync(path),
  )
  const run = await tool(
    'depcruise',
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'json',
    ...roots,
  )
  if (!run.stdout.startsWith('{')) return { ok: false, output: run.output }
  const { summary } = JSON.parse(run.stdout)
  if (summary.totalCruised === 0) return { ok: false, output: 'no module was read: the parser does not work' }
  const why = new Map(summary.ruleSetUsed.forbidden.map((rule) => [rule.name, rule.comment]))
  const lines = summary.violations.map(({ from, to, cycle, rule }) => {
    const path = [from, ...(cycle?.map((step) => step.name ?? step) ?? [to])].join(' -> ')
    return `${path}\n  ${rule.name}: ${why.get(rule.name)}`
  })
  return { ok: lines.length === 0, output: lines.join('\n'), note: `${summary.totalCruised} modules` }
}

/** Twice: once with tests in view, once without, because what only a test uses is dead too. */
async function deadCode() {
  const whole = await tool('knip', '--no-progress')
  const product = await tool('knip', '--no-progress', '--production', '--include', 'files,exports,types')
  const parts = [
    whole.ok ? '' : whole.output,
    product.ok ? '' : `Used by nothing but tests, or by nothing:\n${product.output}`,
  ]
  return { ok: whole.ok && product.ok, output: parts.filter(Boolean).join('\n') }
}

/** The committed documents against the routes and contracts that they are made of. */
async function documents() {
  const run = await execute(process.execPath, join(root, 'scripts/documents.mjs'), '--check')
  return { ok: run.ok, output: run.output }
}

const checks = {
  types: () => tool('tsc', '--noEmit'),
  format,
  lint: () => tool('oxlint', '--type-aware', '--deny-warnings'),
  imports,
  'dead code': deadCode,
  documents,
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in checks))
if (unknown.length > 0) {
  console.error(`No such check: ${unknown.join(', ')}. There are: ${Object.keys(checks).join(', ')}`)
  process.exit(2)
}

const failures = []
for (const [name, check] of Object.entries(checks)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const startedAt = performance.now()
  const { ok, output, note } = await check()
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(
    `${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(10)} ${seconds.padStart(5)} s${note ? `  ${note}` : ''}`,
  )
  if (!ok) failures.push({ name, output })
}
for (const { name, output } of failures) console.log(`\n--- ${name}\n${output}`)
process.exit(failures.length === 0 ? 0 : 1)
