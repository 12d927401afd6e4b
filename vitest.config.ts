import { defineConfig } from 'vitest/config'

/**
 * `unit`: pure tests beside their file; they start nothing. `live`: everything that needs Postgres, Redis, an object
 * store or a socket, against real servers that the global setup starts once for the whole run.
 */
export default defineConfig({
  test: {
    reporters: [
      ['default', { summary: false }],
      ['json', { outputFile: 'test-results/report.json' }],
    ],
    // The servers' last checkpoint and the removal of their data.
    teardownTimeout: 60_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'gateway/**/*.test.ts', 'workers/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'live',
          include: ['tests/**/*.test.ts'],
          globalSetup: ['tests/harness/servers.ts'],
          pool: 'forks',
          // One Postgres, one Redis and two small processors serve them all; more workers only make timings worse.
          maxWorkers: 2,
          testTimeout: 30_000,
          hookTimeout: 60_000,
          setupFiles: ['tests/harness/databases-go.ts'],
        },
      },
    ],
  },
})
