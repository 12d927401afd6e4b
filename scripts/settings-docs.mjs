/**
 * Writes what people read about settings from the one list that the code reads: `.env.example`, and the table in
 * README.md between its two marks. With `--check` it writes nothing and fails when they differ.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { settings } from '../src/platform/config-keys.ts'

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const begin = '<!-- settings: written by scripts/settings-docs.mjs -->'
const end = '<!-- /settings -->'

/** What the setting is when nobody says anything; empty when it is then not set. */
function standardOf({ schema }) {
  const { data } = schema.safeParse(undefined)
  return Array.isArray(data) ? data.join(',') : data === undefined ? '' : String(data)
}

function example() {
  const lines = [
    '# Every setting with its default. Lines that are commented out say what holds anyway; uncomment what you change.',
    '# A setting that is empty counts as not set. A secret may be read from a file instead: NAME_FILE=/run/secrets/name.',
  ]
  for (const [name, setting] of Object.entries(settings)) {
    const unit = setting.unit === undefined ? '' : ` (${setting.unit})`
    lines.push(
      '',
      `# ${setting.doc}${unit}${setting.secret ? ' Secret.' : ''}`,
      `#${name}=${standardOf(setting)}`,
    )
  }
  return `${lines.join('\n')}\n`
}

function table() {
  const rows = Object.entries(settings).map(([name, setting]) => {
    const standard = standardOf(setting)
    const shown =
      standard === '' ? '' : `\`${standard}\`${setting.unit === undefined ? '' : ` ${setting.unit}`}`
    return `| \`${name}\`${setting.secret ? ' 🔑' : ''} | ${setting.doc.replaceAll('|', '\\|')} | ${shown} |`
  })
  return ['| setting | meaning | default |', '|---|---|---|', ...rows].join('\n')
}

function readme() {
  const text = readFileSync(path('README.md'), 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error('README.md has no place for the settings')
  return `${text.slice(0, from + begin.length)}\n\n${table()}\n\n${text.slice(to)}`
}

const wanted = { '.env.example': example(), 'README.md': readme() }
let stale = false
for (const [name, text] of Object.entries(wanted)) {
  if (!process.argv.includes('--check')) writeFileSync(path(name), text)
  else if (readFileSync(path(name), 'utf8') !== text) {
    stale = true
    console.error(`${name} does not say what src/platform/config-keys.ts says; npm run settings`)
  }
}
process.exitCode = stale ? 1 : 0
