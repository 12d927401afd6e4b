import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { startObjectStore } from '../../src/embedded/object-store/server.ts'
import { expectObjectStore } from './object-store-contract.ts'

describe('the embedded object store', () => {
  expectObjectStore(async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'switchboard-s3-'))
    const store = await startObjectStore({ dataDir, log: console.error, test: true })
    const stop = async () => {
      await store.stop()
      rmSync(dataDir, { recursive: true })
    }
    return { ...store, stop }
  })
})

/** CI gives a Ceph object gateway (scripts/ceph-rgw.sh); any other S3 will do. */
const { TEST_S3_ENDPOINT: endpoint = '', TEST_S3_ACCESS_KEY = '', TEST_S3_SECRET_KEY = '' } = process.env

describe.runIf(endpoint !== '')('the S3 server of this run', () => {
  expectObjectStore(async () => ({
    endpoint,
    accessKey: TEST_S3_ACCESS_KEY,
    secretKey: TEST_S3_SECRET_KEY,
    stop: () => Promise.resolve(),
  }))
})
