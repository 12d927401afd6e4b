import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Blobs } from './blobs.ts'
import type { ObjectIndex, ObjectRow } from './object-index.ts'
import { S3Error } from './s3-error.ts'
import type { Credentials } from './signature.ts'

/** What operations work on. */
export interface Store {
  index: ObjectIndex
  blobs: Blobs
  credentials: Credentials
  region: string
  now: () => Date
}

/** A request whose signature has been checked. */
export interface S3Request {
  incoming: IncomingMessage
  response: ServerResponse
  method: string
  /** Empty for the service itself. */
  bucket: string
  /** Empty for the bucket itself. */
  key: string
  query: Map<string, string>
  headers: Record<string, string | undefined>
  anonymous: boolean
  /** What the sender says the body hashes to; undefined when it did not commit to a body. */
  bodySha256: string | undefined
}

/** S3's largest body of a single request. */
export const MAX_BODY_BYTES = 5 * 1024 ** 3
/** Largest XML or JSON document in a request: 1000 keys of 1024 bytes with their tags fit well. */
const MAX_DOCUMENT_BYTES = 4 * 1024 ** 2

export function requireBucket(store: Store, bucket: string): void {
  if (!store.index.hasBucket(bucket)) throw new S3Error('NoSuchBucket', `there is no bucket ${bucket}`)
}

export function requireObject(store: Store, bucket: string, key: string): ObjectRow {
  requireBucket(store, bucket)
  const object = store.index.object(bucket, key)
  if (object === undefined) throw new S3Error('NoSuchKey', `there is no object ${key}`)
  return object
}

/** Reads a small request document as text. */
export async function readDocument(request: S3Request): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_DOCUMENT_BYTES) throw new S3Error('InvalidRequest', 'the document is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Answers with a document, or with nothing when there is none. */
export function answer(
  request: S3Request,
  status: number,
  body = '',
  headers: Record<string, string> = {},
): void {
  const type =
    body === '' ? {} : { 'content-type': body.startsWith('{') ? 'application/json' : 'application/xml' }
  request.response.writeHead(status, { ...type, 'content-length': Buffer.byteLength(body), ...headers })
  request.response.end(request.method === 'HEAD' ? undefined : body)
}

/** `max-keys` and its kind: 0 to 1000, 1000 when absent. */
export function limitOf(request: S3Request, name: string): number {
  const limit = Number(request.query.get(name) ?? 1000)
  if (!Number.isInteger(limit) || limit < 0)
    throw new S3Error('InvalidArgument', `${name} must be a whole number`)
  return Math.min(limit, 1000)
}
