import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedObjectStore, startObjectStore } from '../../src/embedded/object-store/server.ts'
import type { Environment } from '../../src/platform/config.ts'

/** An object store of this test's own, which can go away and come back with its data on the same port. */
export async function ownStore() {
  const dataDir = mkdtempSync(join(tmpdir(), 'switchboard-test-s3-'))
  const start = (): Promise<EmbeddedObjectStore> => startObjectStore({ dataDir, log: () => {}, test: true })
  let store = await start()
  return {
    environment: {
      S3_ENDPOINT: store.endpoint,
      S3_ACCESS_KEY: store.accessKey,
      S3_SECRET_KEY: store.secretKey,
    } as Environment,
    stop: () => store.stop(),
    start: async () => {
      store = await start()
    },
    [Symbol.asyncDispose]: async () => {
      await store.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
