import { join } from 'node:path'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

// Hundreds of processes load the same code: every test file, and our programs that it starts. What it compiles to is kept
// between them; Node leaves out what has changed.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.compiled')

const live: NonNullable<TestProjectInlineConfiguration['test']> = {
  globalSetup: ['tests/harness/servers.ts'],
  pool: 'forks',
  // One Postgres, one Redis and two small processors serve them all; more workers only make timings worse.
  maxWorkers: 2,
  // Ten times what the slowest takes on an idle machine; who needs longer says so.
  testTimeout: 60_000,
  hookTimeout: 120_000,
  setupFiles: ['tests/harness/databases-go.ts'],
}

/**
 * Files that keep nothing beside their hubs share processes, as loading our code anew for each costs more than most of its
 * tests. Who measures what a process takes is not among them: nobody else's leftovers may be in there.
 */
const inOneProcess = [
  'tests/{contract,crm,domain,log,messages,news}/*.test.ts',
  'tests/webhooks/!(intake-limits).test.ts',
]

/**
 * `unit`: pure tests beside their file; they start nothing and share processes. `live`: everything that needs Postgres, Redis,
 * an object store or a socket, against real servers that the global setup starts once for the whole run, each file in a
 * process of its own; `live-together`: the same, many files in one process.
 */
export default defineConfig({
  test: {
    reporters: [
      ['default', { summary: false }],
      ['json', { outputFile: 'test-results/report.json' }],
    ],
    // The servers' last checkpoint and the removal of their data.
    teardownTimeout: 60_000,
    // Our code runs as it does in production, by Node's own loader: that is faster than to have Vite rewrite and evaluate it
    // for each file, and uses what is compiled. (What it cannot do, mocks of modules, we do not do.)
    experimental: { viteModuleRunner: false, nodeLoader: false },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'gateway/**/*.test.ts', 'workers/**/*.test.ts'],
          // As many as the others have: with fewer they wait for all others, with more the runner refuses the two together.
          maxWorkers: 2,
          isolate: false,
        },
      },
      {
        test: {
          ...live,
          name: 'live',
          include: ['tests/**/*.test.ts'],
          exclude: inOneProcess,
        },
      },
      {
        test: {
          ...live,
          name: 'live-together',
          include: inOneProcess,
          isolate: false,
        },
      },
    ],
  },
})
