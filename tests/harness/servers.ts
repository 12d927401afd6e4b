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

/** What the run has; its first project starts it, its last one stops it. */
let running: Promise<Running> | undefined
let projects = 0

interface Running {
  readonly pgUrl: string
  readonly redisUrl: string
  readonly s3: TestObjectStore | undefined
  stop(): Promise<void>
}

/** The same servers for each project whose files run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  projects += 1
  running ??= start()
  const run = await running
  project.provide('pgUrl', run.pgUrl)
  project.provide('redisUrl', run.redisUrl)
  if (run.s3) project.provide('s3', run.s3)
  return async () => {
    projects -= 1
    if (projects === 0) await run.stop()
  }
}

/**
 * Starts one PostgreSQL (without durability), one Redis and one object store for the whole run, and stops them at its
 * end. Servers named by TEST_DATABASE_URL, TEST_REDIS_URL and TEST_S3_ENDPOINT (with TEST_S3_ACCESS_KEY and
 * TEST_S3_SECRET_KEY) are used instead; the names differ from the application's on purpose, so that a shell set up for
 * the application cannot send tests to its data.
 */
async function start(): Promise<Running> {
  const { env } = process
  const [pgUrl, redisUrl, given] = [env['TEST_DATABASE_URL'], env['TEST_REDIS_URL'], givenObjectStore(env)]
  const servers = await startScratch('switchboard-test', {
    need: { postgres: pgUrl === undefined, redis: redisUrl === undefined, objectStore: given === undefined },
    log: (line) => console.log(line),
    test: true,
    inMemory: true,
  })
  // Whatever tests leave in their temporary directories goes with the run.
  env['TMPDIR'] = servers.temporary
  return {
    pgUrl: pgUrl ?? servers.postgres?.url ?? '',
    redisUrl: redisUrl ?? servers.redis?.url ?? '',
    s3: given ?? (servers.objectStore && keysOf(servers.objectStore)),
    stop: () => servers.stop(),
  }
}

const keysOf = ({ endpoint, region, accessKey, secretKey }: TestObjectStore): TestObjectStore => ({
  endpoint,
  region,
  accessKey,
  secretKey,
})

function givenObjectStore(env: NodeJS.ProcessEnv): TestObjectStore | undefined {
  const endpoint = env['TEST_S3_ENDPOINT']
  if (endpoint === undefined) return undefined
  const [accessKey, secretKey] = [env['TEST_S3_ACCESS_KEY'] ?? '', env['TEST_S3_SECRET_KEY'] ?? '']
  return { endpoint, region: 'us-east-1', accessKey, secretKey }
}
