import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type JobName, queueNames } from '../../src/platform/jobs.ts'
import { boundaries } from '../harness/killing.ts'

/** Each type of job that there is: one that is not named here does not compile. */
const named = {
  'ingest-inbound': true,
  'deliver-outbound': true,
  'fetch-media': true,
  'mark-read': true,
  'sync-templates': true,
  'run-import': true,
} as const satisfies Record<JobName, true>
const jobs = Object.keys(named)

const root = join(import.meta.dirname, '../..')
const tests = globSync('tests/**/*.test.ts', { cwd: root }).map((file) =>
  readFileSync(join(root, file), 'utf8'),
)
const killed = new Set(
  tests.flatMap((text) =>
    [...text.matchAll(/\$\{killed\('([a-z-]+)', '([a-z]+)'\)\}/g)].map(
      ([, job, boundary]) => `${job}, ${boundary}`,
    ),
  ),
)

test('[A4] a worker is killed at every boundary of every type of job', () => {
  expect(jobs).toEqual(expect.arrayContaining([...queueNames]))
  const missing = jobs
    .flatMap((job) => boundaries.map((boundary) => `${job}, ${boundary}`))
    .filter((place) => !killed.has(place))
  expect(missing).toEqual([])
})
