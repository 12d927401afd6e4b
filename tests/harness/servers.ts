import type { TestProject } from 'vitest/node'
import { startScratch } from './scratch.ts'

/** How tests reach the run's object store; they make buckets of their own in it. */
export interface TestObjectStore {
  endpoint: string
  region: string
  accessKey: string
  secretKey: string
}

declare module 'vitest' {
  /** What live tests get by `inject('pgUrl')` and so on. */
  interface ProvidedContext {
    /** Superuser URL of the run's PostgreSQL; tests make databases of their own in it. */
    pgUrl: string
    /** The run's Redis; tests keep apart by key prefix. */
    redisUrl: string
    s3: TestObjectStore
  }
}

/**
 * Starts one PostgreSQL (without durability), one Redis and one object store for the whole run, and stops them at its
 * end. Servers named by TEST_DATABASE_URL, TEST_REDIS_URL and TEST_S3_ENDPOINT (with TEST_S3_ACCESS_KEY and
 * TEST_S3_SECRET_KEY) are used instead; the names differ from the application's on purpose, so that a shell set up for
 * the application cannot send tests to its data.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { env } = process
  const [pgUrl, redisUrl, s3] = [env['TEST_DATABASE_URL'], env['TEST_REDIS_URL'], givenObjectStore(env)]
  const servers = await startScratch('switchboard-test', {
    need: { postgres: pgUrl === undefined, redis: redisUrl === undefined, objectStore: s3 === undefined },
    log: (line) => console.log(line),
    test: true,
  })
  // Whatever tests leave in their temporary directories goes with the run.
  env['TMPDIR'] = servers.temporary
  project.provide('pgUrl', pgUrl ?? servers.postgres?.url ?? '')
  project.provide('redisUrl', redisUrl ?? servers.redis?.url ?? '')
  const store = s3 ?? servers.objectStore
  if (store) {
    const { endpoint, region, accessKey, secretKey } = store
    project.provide('s3', { endpoint, region, accessKey, secretKey })
  }
  return () => servers.stop()
}

function givenObjectStore(env: NodeJS.ProcessEnv): TestObjectStore | undefined {
  const endpoint = env['TEST_S3_ENDPOINT']
  if (endpoint === undefined) return undefined
  const [accessKey, secretKey] = [env['TEST_S3_ACCESS_KEY'] ?? '', env['TEST_S3_SECRET_KEY'] ?? '']
  return { endpoint, region: 'us-east-1', accessKey, secretKey }
}
