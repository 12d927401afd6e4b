import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { startRedis } from '../../src/embedded/redis.ts'

declare module 'vitest' {
  /** What live tests get by `inject('pgUrl')` and so on. */
  interface ProvidedContext {
    /** Superuser URL of the run's PostgreSQL; tests make databases of their own in it. */
    pgUrl: string
    /** The run's Redis; tests keep apart by key prefix. */
    redisUrl: string
  }
}

/**
 * Starts one PostgreSQL (without durability) and one Redis for the whole run, and stops them at its end. Servers named
 * by TEST_DATABASE_URL and TEST_REDIS_URL are used instead; the names differ from the application's on purpose, so that
 * a shell set up for the application cannot send tests to its data.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'switchboard-test-'))
  // A root run lends PostgreSQL another account, which must be able to pass.
  chmodSync(dataDir, 0o755)
  const options = { dataDir, log: (line: string) => console.log(line), test: true }
  const given = { pg: process.env['TEST_DATABASE_URL'], redis: process.env['TEST_REDIS_URL'] }
  const [postgres, redis] = await Promise.all([
    given.pg === undefined ? startPostgres(options) : undefined,
    given.redis === undefined ? startRedis(options) : undefined,
  ])
  project.provide('pgUrl', given.pg ?? postgres?.url ?? '')
  project.provide('redisUrl', given.redis ?? redis?.url ?? '')
  return async () => {
    await Promise.all([postgres?.stop(), redis?.stop()])
    rmSync(dataDir, { recursive: true, force: true })
  }
}
