/**
 * Writes docs/openapi.json and docs/asyncapi.json from the routes and contracts, with the settings that hold when nobody says
 * anything. With `--check` it writes nothing and fails when they differ.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readConfig } from '../src/platform/config.ts'
import { mountsOf } from '../src/rest/app.ts'
import { documentsOf } from '../src/rest/documents/documents.ts'

const path = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url))

// No server is needed, and the secrets are never used: routers look at nothing but their configuration until somebody calls.
const config = readConfig({
  NODE_ENV: 'test',
  JWT_SECRET: 'not-used-to-sign-anything-at-all-1',
  ENCRYPTION_KEY: Buffer.alloc(32).toString('base64'),
})
const { operations } = mountsOf({ config }, {})
const { openapi, asyncapi } = documentsOf(operations, config)

let stale = false
for (const [name, document] of Object.entries({ 'openapi.json': openapi, 'asyncapi.json': asyncapi })) {
  const text = `${JSON.stringify(document, null, 2)}\n`
  if (!process.argv.includes('--check')) writeFileSync(path(name), text)
  else if (written(name) !== text) {
    stale = true
    console.error(`docs/${name} does not say what the routes and contracts say; npm run documents`)
  }
}
process.exitCode = stale ? 1 : 0

function written(name) {
  try {
    return readFileSync(path(name), 'utf8')
  } catch {
    return ''
  }
}
