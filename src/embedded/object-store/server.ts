import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join, resolve } from 'node:path'
import type { EmbeddedOptions, EmbeddedServer, RecordedServer } from '../embedded-server.ts'
import { readRecord, rememberedPort, rememberedSecret } from '../remembered.ts'
import { Blobs } from './blobs.ts'
import { allowsEverybody } from './bucket-policy.ts'
import { expire } from './lifecycle.ts'
import { ObjectIndex } from './object-index.ts'
import { findRoute } from './routes.ts'
import type { S3Request, Store } from './s3-request.ts'
import { S3Error } from './s3-error.ts'
import { verifySignature } from './signature.ts'
import { parseQuery, uriDecode } from './uri.ts'
import { document, leaf } from './xml.ts'

/** An S3-compatible store in this process. `url` and `endpoint` are the same address. */
export interface EmbeddedObjectStore extends EmbeddedServer, StoreAccess {}

/** What a client of the store needs. */
export interface StoreAccess {
  endpoint: string
  region: string
  accessKey: string
  secretKey: string
}

const ACCESS_KEY = 'switchboard'
const REGION = 'us-east-1'

const EXPIRE_EVERY_MS = 60 * 60_000
/** S3's longest key. */
const MAX_KEY_BYTES = 1024

/** Where the store of this directory listens when it runs, as its last start wrote it down; undefined before that. */
export function recordedObjectStore(dataDir: string): (RecordedServer & StoreAccess) | undefined {
  const record = readRecord(join(dataDir, 'object-store.port'), join(dataDir, 'object-store.secret'))
  if (record === undefined) return undefined
  const endpoint = `http://127.0.0.1:${record.port}`
  const access = { endpoint, region: REGION, accessKey: ACCESS_KEY, secretKey: record.secret }
  return { port: record.port, url: endpoint, ...access }
}

/**
 * Starts the object store on a loopback port, with its data under `dataDir`: an index in SQLite, and the bytes in files
 * that appear only when whole. It speaks the part of S3 that the `minio` client uses, and is as strict about signatures,
 * expiry and policies as the real ones, so that what works here works there. For development and tests: one machine,
 * one account, no versions, no uploads in signed chunks (aws-chunked).
 */
export async function startObjectStore(options: EmbeddedOptions): Promise<EmbeddedObjectStore> {
  const startedAt = performance.now()
  const directory = resolve(options.dataDir, 'object-store')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const durable = options.test !== true
  const secretKey = rememberedSecret(join(options.dataDir, 'object-store.secret'))
  const store: Store = {
    index: new ObjectIndex(join(directory, 'index.sqlite'), durable),
    blobs: new Blobs(join(directory, 'blobs'), durable),
    credentials: { accessKey: ACCESS_KEY, secretKey },
    region: REGION,
    now: () => new Date(),
  }
  const referred = store.index.referredBlobs()
  store.blobs.sweep((blob) => referred.has(blob))
  expire(store)
  const expiring = setInterval(expire, EXPIRE_EVERY_MS, store)
  expiring.unref()

  // A large upload over a slow line may take longer than Node's five minutes.
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 65_000 }, (incoming, response) => {
    void serve(store, incoming, response, options.log)
  })
  const portFile = join(options.dataDir, 'object-store.port')
  const port = await listen(server, await rememberedPort(portFile)).catch(async () =>
    listen(server, await rememberedPort(portFile, true)),
  )
  const endpoint = `http://127.0.0.1:${port}`
  let stopping: Promise<void> | undefined
  const stop = async () => {
    clearInterval(expiring)
    const closed = new Promise((done) => server.close(done))
    server.closeIdleConnections()
    const forced = setTimeout(() => server.closeAllConnections(), 5000)
    await closed
    clearTimeout(forced)
    store.index.close()
  }
  return {
    url: endpoint,
    endpoint,
    port,
    region: store.region,
    accessKey: store.credentials.accessKey,
    secretKey,
    from: 'built in (development only)',
    startedInMs: performance.now() - startedAt,
    stop: () => (stopping ??= stop()),
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((done, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      done(port)
    })
  })
}

/** Answers one request; never throws. */
async function serve(
  store: Store,
  incoming: IncomingMessage,
  response: ServerResponse,
  log: EmbeddedOptions['log'],
): Promise<void> {
  const requestId = randomUUID()
  response.setHeader('x-amz-request-id', requestId)
  // Signatures guard the data, not origins: a page of any origin may use an address that was signed for it.
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-expose-headers', '*')
  if (incoming.method === 'OPTIONS') {
    const headers = incoming.headers['access-control-request-headers'] ?? ''
    const allow = {
      'access-control-allow-methods': 'GET, HEAD, PUT, POST, DELETE',
      'access-control-max-age': '3600',
    }
    response
      .writeHead(204, { ...allow, ...(headers === '' ? {} : { 'access-control-allow-headers': headers }) })
      .end()
    return
  }
  try {
    const request = admit(store, incoming, response)
    await findRoute(request).run(store, request)
  } catch (error) {
    // The client is gone, or the answer is half sent: cutting the connection is the only honest sign left.
    if (incoming.errored || response.headersSent) return void response.destroy()
    if (!(error instanceof S3Error))
      log(`object store: ${incoming.method} ${incoming.url?.split('?')[0]}: ${String(error)}`)
    const refusal =
      error instanceof S3Error ? error : new S3Error('InternalError', 'the store failed; its log says why')
    refuse(refusal, requestId, incoming, response)
  }
}

/** Reads the address, checks who sends it, and whether that one may do this. */
function admit(store: Store, incoming: IncomingMessage, response: ServerResponse): S3Request {
  const [rawPath, rawQuery] = splitOnce(incoming.url ?? '/', '?')
  const method = incoming.method ?? 'GET'
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  )
  const [bucket, key] = splitOnce(uriDecode(rawPath).slice(1), '/')
  const query = new Map(parseQuery(rawQuery))
  const now = store.now()
  const { anonymous, bodySha256 } = verifySignature(
    { method, rawPath, rawQuery, headers },
    store.credentials,
    now,
  )
  const route = findRoute({ method, bucket, key, query })
  if (anonymous && !route.provesItself) {
    const policy = bucket === '' ? undefined : store.index.setting(bucket, 'policy')
    const resource = key === '' ? bucket : `${bucket}/${key}`
    if (route.action === undefined || !allowsEverybody(policy, route.action, resource)) {
      throw new S3Error('AccessDenied', 'Access Denied.')
    }
  }
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new S3Error('KeyTooLongError', `a key has at most ${MAX_KEY_BYTES} bytes`)
  }
  return { incoming, response, method, bucket, key, query, headers, anonymous, bodySha256 }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)]
}

/** Closes the connection when the body has not been read: it may be large, and nobody wants it. */
function refuse(
  error: S3Error,
  requestId: string,
  incoming: IncomingMessage,
  response: ServerResponse,
): void {
  const body = document(
    'Error',
    leaf('Code', error.code),
    leaf('Message', error.message),
    leaf('RequestId', requestId),
  )
    // S3's error document is the one without a namespace.
    .replace(/ xmlns="[^"]*"/, '')
  response.writeHead(error.status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
    ...(incoming.complete ? {} : { connection: 'close' }),
  })
  response.end(incoming.method === 'HEAD' ? undefined : body)
}
