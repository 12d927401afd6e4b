import http from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Client, CopyConditions } from 'minio'
import { Failure } from '../contract/errors.ts'
import type { Config } from './config.ts'

/**
 * The object store of one process: one private bucket. Keys are made by us and never shown; whoever may read or write an
 * object gets an address that is signed for that object and lives for minutes.
 *
 * Everything but signing fails with `unavailable` when the store does not answer, refuses us or is too slow; the cause
 * says which. Nothing is kept of an object whose `put` failed.
 */
export interface Storage {
  /**
   * Makes the bucket when it is missing, and finds out whether the store answers at all and knows our keys. What keys may
   * not do beyond reading and writing objects is found by whoever needs it.
   */
  ready(): Promise<void>
  /**
   * Writes an object from chunks of unknown number; it appears as a whole at the end or not at all. Holds two parts
   * (10 MiB) in memory however large the object is. An error of `body` is thrown as it is. Answers with the size.
   */
  put(key: string, body: AsyncIterable<Uint8Array>, mimeType: string): Promise<number>
  /** The bytes of an object. Fails with `not_found`; a silence of S3_TIMEOUT_MS breaks the stream. */
  get(key: string): Promise<Readable>
  /** The first bytes of an object, fewer when it is shorter. */
  peek(key: string, bytes: number): Promise<Buffer>
  /** Size in bytes; null when there is no such object. */
  sizeOf(key: string): Promise<number | null>
  /** Copies inside the store, without the bytes passing through here. Fails with `not_found`. */
  copy(from: string, to: string): Promise<void>
  /** Succeeds also when there is no such object. */
  remove(key: string): Promise<void>
  /** An address for one PUT by anybody who holds it. It bounds neither size nor type: look at what came. */
  presignPut(key: string, seconds: number): Promise<string>
  /** An address for reading. The store answers with this type and disposition, whatever was said when it was written. */
  presignGet(key: string, seconds: number, as: { mimeType: string; disposition: string }): Promise<string>
  /** Ends uploads in parts that were begun longer ago and never finished; only of `key` when given. Answers how many. */
  abortUploads(olderThanMs: number, key?: string): Promise<number>
  close(): void
}

type StorageConfig = Pick<
  Config,
  | 'S3_REGION'
  | 'S3_ACCESS_KEY'
  | 'S3_SECRET_KEY'
  | 'S3_BUCKET'
  | 'S3_PUBLIC_URL'
  | 'S3_TIMEOUT_MS'
  | 'UPLOAD_KEEP_DAYS'
> & { readonly S3_ENDPOINT: string }

/** S3's least size of a part. The client's own default would hold 525 MiB of a stream of unknown length in memory. */
const partBytes = 5 * 1024 * 1024

/** Objects that browsers wrote and nobody has looked at yet. */
export const uploadPrefix = 'uploads/'

/** Opens the store. Connects lazily; a store that is away is found by the first use. */
export function openStorage(config: StorageConfig): Storage {
  const bucket = config.S3_BUCKET
  const timeoutMs = config.S3_TIMEOUT_MS
  const agents: http.Agent[] = []
  const connect = (address: string, patient: boolean): Client => {
    const { hostname, port, protocol } = new URL(address)
    const secure = protocol === 'https:'
    const agent = secure ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true })
    agents.push(agent)
    return new Client({
      endPoint: hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      useSSL: secure,
      region: config.S3_REGION,
      accessKey: config.S3_ACCESS_KEY ?? '',
      secretKey: config.S3_SECRET_KEY ?? '',
      pathStyle: true,
      transportAgent: agent,
      transport: bounded(secure ? https : http, timeoutMs, patient),
      // Its retries write to the console. A file is tried again by its worker, a request by its client.
      retryOptions: { disableRetry: true },
    })
  }
  const client = connect(config.S3_ENDPOINT, false)
  const reader = connect(config.S3_ENDPOINT, true)
  const outside = new URL(config.S3_PUBLIC_URL ?? config.S3_ENDPOINT)
  const signer = connect(outside.origin, false)

  /** A proxy may serve the store under a path, which it takes off: the signature is of the path that the store sees. */
  const fromOutside = (signed: string): string => {
    const prefix = outside.pathname.replace(/(?<!\/)\/+$/, '')
    const url = new URL(signed)
    return `${url.origin}${prefix}${url.pathname}${url.search}`
  }

  const putParts = async (
    key: string,
    first: Buffer,
    rest: AsyncIterable<Buffer>,
    mimeType: string,
  ): Promise<number> => {
    const headers = { 'content-type': mimeType }
    const uploadId = await asked(() => client.initiateNewMultipartUpload(bucket, key, headers))
    try {
      const parts: { part: number; etag: string }[] = []
      let size = 0
      const send = async (bytes: Buffer): Promise<void> => {
        const partNumber = parts.length + 1
        const place = { bucketName: bucket, objectName: key, uploadID: uploadId, partNumber, headers: {} }
        const { etag } = await asked(() => client.uploadPart(place, bytes))
        parts.push({ part: partNumber, etag })
        size += bytes.length
      }
      await send(first)
      for await (const bytes of rest) await send(bytes)
      await asked(() => client.completeMultipartUpload(bucket, key, uploadId, parts))
      return size
    } catch (error) {
      // What cannot be aborted now is found by abortUploads later.
      await client.abortMultipartUpload(bucket, key, uploadId).catch(() => {})
      throw error
    }
  }

  const exists = (): Promise<boolean> =>
    client.bucketExists(bucket).catch((error: unknown) => {
      if (codeOf(error) === 'AccessDenied') return isOursByObject()
      throw error
    })

  /**
   * The answer to a HEAD has no body, so a refusal there is the same word for keys that are wrong and for keys that may use
   * objects but not look at the bucket. Asking for an object tells: to the latter it is missing, or not to be known.
   */
  const isOursByObject = async (): Promise<boolean> => {
    try {
      const body = await client.getPartialObject(bucket, 'ready', 0, 1)
      body.destroy()
    } catch (error) {
      const code = codeOf(error)
      if (code === 'NoSuchBucket') return false
      if (!['AccessDenied', 'NoSuchKey', 'NotFound'].includes(code)) throw error
    }
    return true
  }

  const makeReady = async (): Promise<void> => {
    if (await exists()) return
    try {
      await client.makeBucket(bucket, config.S3_REGION)
    } catch (error) {
      // Another process was faster; stores have many words for that, and Ceph answers with a fault of its own.
      if (await exists()) return
      throw error
    }
    // Best effort, and only on a bucket of our own making: an operator's rules are never replaced.
    await client.setBucketLifecycle(bucket, lifecycle(config.UPLOAD_KEEP_DAYS)).catch(() => {})
  }
  /** The look that is under way, shared by all who need it. */
  let looking: Promise<void> | undefined

  return {
    ready: () => {
      looking ??= asked(makeReady).finally(() => {
        looking = undefined
      })
      return looking
    },

    put: async (key, body, mimeType) => {
      const parts = inParts(body)[Symbol.asyncIterator]()
      const first = await parts.next()
      const bytes = first.done === true ? Buffer.alloc(0) : first.value
      if (bytes.length >= partBytes)
        return putParts(key, bytes, { [Symbol.asyncIterator]: () => parts }, mimeType)
      await asked(() => client.putObject(bucket, key, bytes, bytes.length, { 'content-type': mimeType }))
      return bytes.length
    },

    get: async (key) => {
      const body = await asked(() => reader.getObject(bucket, key))
      return Readable.from(unpaused(body, timeoutMs), { objectMode: false })
    },

    peek: (key, bytes) => asked(async () => buffer(await client.getPartialObject(bucket, key, 0, bytes))),

    sizeOf: (key) =>
      asked(() => client.statObject(bucket, key)).then(
        (found) => found.size,
        (error: unknown) => {
          if (error instanceof Failure && error.code === 'not_found') return null
          throw error
        },
      ),

    copy: async (from, to) => {
      await asked(() => client.copyObject(bucket, to, `/${bucket}/${from}`, new CopyConditions()))
    },

    remove: (key) => asked(() => client.removeObject(bucket, key)),

    presignPut: async (key, seconds) => fromOutside(await signer.presignedPutObject(bucket, key, seconds)),

    presignGet: async (key, seconds, { mimeType, disposition }) =>
      fromOutside(
        await signer.presignedGetObject(bucket, key, seconds, {
          'response-content-type': mimeType,
          'response-content-disposition': disposition,
          'response-cache-control': `private, max-age=${seconds}`,
        }),
      ),

    abortUploads: (olderThanMs, key = '') =>
      asked(async () => {
        let aborted = 0
        let [keyMarker, uploadMarker] = ['', '']
        for (;;) {
          const page = await client.listIncompleteUploadsQuery(bucket, key, keyMarker, uploadMarker, '')
          for (const upload of page.uploads) {
            const startedAt = new Date(upload.initiated as unknown as string).getTime()
            if (!(Date.now() - startedAt >= olderThanMs)) continue
            await client.abortMultipartUpload(bucket, upload.key, upload.uploadId)
            aborted += 1
          }
          if (!page.isTruncated) return aborted
          ;[keyMarker, uploadMarker] = [page.nextKeyMarker, page.nextUploadIdMarker]
        }
      }),

    close: () => {
      for (const agent of agents) agent.destroy()
    },
  }
}

/**
 * The client has no timeouts of its own. A request whose connection is silent for longer breaks; `patient` ones only
 * until the answer begins, because then the reader may be the slow one.
 */
function bounded(
  plain: Pick<typeof http, 'request'>,
  timeoutMs: number,
  patient: boolean,
): Pick<typeof http, 'request'> {
  const request = (options: http.RequestOptions, onResponse?: (response: http.IncomingMessage) => void) => {
    const made = plain.request(options, (response) => {
      if (patient) made.setTimeout(0)
      onResponse?.(response)
    })
    made.setTimeout(timeoutMs, () => {
      made.destroy(Object.assign(new Error('the object store does not answer'), { code: 'ETIMEDOUT' }))
    })
    return made
  }
  return { request: request as typeof http.request }
}

/** Runs a call of the store; whatever it throws becomes `not_found` or `unavailable`. */
async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    const code = codeOf(error)
    if (['NotFound', 'NoSuchKey'].includes(code)) throw new Failure('not_found', {}, { cause: error })
    throw new Failure('unavailable', { server: 'object store' }, { cause: error })
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Joins chunks to parts; all but the last have at least the size of a part. */
async function* inParts(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size < partBytes) continue
    yield Buffer.concat(chunks)
    chunks = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(chunks)
}

/** The chunks of an object, failing when the next one takes longer than the limit. Leaving early closes the connection. */
async function* unpaused(body: Readable, timeoutMs: number): AsyncGenerator<Uint8Array> {
  const stalled = () => body.destroy(new Failure('unavailable', { server: 'object store' }))
  let timer = setTimeout(stalled, timeoutMs)
  try {
    for await (const chunk of body) {
      clearTimeout(timer)
      yield chunk as Uint8Array
      timer = setTimeout(stalled, timeoutMs)
    }
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
}

function lifecycle(days: number) {
  return {
    Rule: [
      { ID: 'uploads', Status: 'Enabled', Filter: { Prefix: uploadPrefix }, Expiration: { Days: days } },
      {
        ID: 'half-uploads',
        Status: 'Enabled',
        Filter: { Prefix: '' },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
    ],
  }
}
