import { randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { Config } from '../../platform/config.ts'
import { openStorage, type Storage } from '../../platform/storage.ts'
import { type Check, fail, look, ok, type Verdict, warn } from './check.ts'

type StoreConfig = Config & { readonly S3_ENDPOINT: string }

/** The store and our bucket, tried with an object of our own that is gone afterwards. */
export async function checkObjectStore(config: Config): Promise<Check[]> {
  const lookAt = (name: string, judge: () => Verdict | Promise<Verdict>, advice: string): Promise<Check> =>
    look('object store', name, judge, advice)
  if (config.S3_ENDPOINT === undefined)
    return [await lookAt('reachable', () => fail('not running', 'start the hub, or set S3_ENDPOINT'), '')]
  const store = config as StoreConfig
  const storage = openStorage(store)
  const key = `doctor/${randomUUID()}`
  try {
    const probe = await lookAt(
      'write, read, delete',
      () => judgeProbe(storage, key, config),
      'see whether it runs, and S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY',
    )
    if (probe.status !== 'ok') return [probe]
    return [probe, await lookAt('private', () => judgePrivacy(storage, store, `${key}-private`), 'try again')]
  } finally {
    storage.close()
  }
}

async function judgeProbe(storage: Storage, key: string, config: Config): Promise<Verdict> {
  const bytes = Buffer.from(`a probe of switchboard doctor, ${new Date().toISOString()}`)
  const startedAt = performance.now()
  try {
    await storage.put(key, one(bytes), 'text/plain')
  } catch (error) {
    if (!isMissingBucket(error)) throw error
    return warn(`there is no bucket ${config.S3_BUCKET}`, 'the hub makes it when it starts, if its keys may')
  }
  const read = await buffer(await storage.get(key))
  await storage.remove(key)
  const left = await storage.sizeOf(key)
  if (!read.equals(bytes)) return fail('what was read is not what was written', 'do not use this store')
  if (left !== null) return fail('what was deleted is still there', 'see whether the bucket keeps versions')
  const took = Math.round(performance.now() - startedAt)
  return ok(`bucket ${config.S3_BUCKET} at ${new URL(config.S3_ENDPOINT ?? '').host} in ${took} ms`)
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

function isMissingBucket(error: unknown): boolean {
  const { code, cause } = error as { code?: string; cause?: unknown }
  return code === 'NoSuchBucket' || (cause !== undefined && isMissingBucket(cause))
}

/** Asks as a stranger for the list and for an object, which are what a bucket that is not private gives away. */
async function judgePrivacy(storage: Storage, config: StoreConfig, key: string): Promise<Verdict> {
  await storage.put(key, one(Buffer.from('private')), 'text/plain')
  try {
    const bucket = new URL(`/${config.S3_BUCKET}`, config.S3_ENDPOINT)
    const open = [
      ...((await isOpen(`${bucket}?list-type=2&max-keys=1`, config)) ? ['its list'] : []),
      ...((await isOpen(`${bucket}/${key}`, config)) ? ['its objects'] : []),
    ]
    return open.length === 0
      ? ok('strangers get nothing')
      : fail(
          `everybody can read ${open.join(' and ')}`,
          "take the bucket's policy for everybody away: customers' files are in it",
        )
  } finally {
    await storage.remove(key)
  }
}

async function isOpen(address: string, config: StoreConfig): Promise<boolean> {
  const answer = await fetch(address, {
    signal: AbortSignal.timeout(config.S3_TIMEOUT_MS),
    redirect: 'manual',
  })
  await answer.body?.cancel()
  return answer.ok
}
