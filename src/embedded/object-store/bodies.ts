import type { WrittenBlob } from './blobs.ts'
import { MAX_BODY_BYTES, type S3Request, type Store } from './s3-request.ts'
import { S3Error } from './s3-error.ts'

/**
 * Streams the request's body to a new file and checks it against everything the sender said about it: length,
 * Content-MD5 and the signed SHA-256. Nothing is kept of a body that does not match.
 */
export async function receiveBody(store: Store, request: S3Request): Promise<WrittenBlob> {
  const length = request.headers['content-length']
  if (length === undefined) throw new S3Error('MissingContentLength', 'the Content-Length header is missing')
  if (Number(length) > MAX_BODY_BYTES)
    throw new S3Error('EntityTooLarge', `a body has at most ${MAX_BODY_BYTES} bytes`)
  const written = await store.blobs.write(request.incoming, MAX_BODY_BYTES)
  try {
    if (written.size !== Number(length))
      throw new S3Error('IncompleteBody', 'fewer bytes came than Content-Length says')
    if (request.bodySha256 !== undefined && request.bodySha256 !== written.sha256) {
      throw new S3Error('XAmzContentSHA256Mismatch', 'the body does not have the signed SHA-256')
    }
    checkMd5(request.headers['content-md5'], written.md5)
  } catch (error) {
    store.blobs.discard([written.blob])
    throw error
  }
  return written
}

function checkMd5(given: string | undefined, actual: string): void {
  if (given === undefined) return
  const digest = Buffer.from(given, 'base64')
  if (digest.length !== 16) throw new S3Error('InvalidDigest', 'Content-MD5 is not the base64 of an MD5')
  if (digest.toString('hex') !== actual)
    throw new S3Error('BadDigest', 'the body does not have the MD5 in Content-MD5')
}
