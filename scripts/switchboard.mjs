#!/usr/bin/env node
/**
 * `npx switchboard …`: the command line on a Node that is new enough. Plain JavaScript, because whatever Node is on the
 * machine starts it, and an older one cannot read TypeScript.
 */
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
process.argv.splice(2, 0, 'node', main)
await import('./with-node.mjs')
