import { parsePolicy } from './bucket-policy.ts'
import { parseLifecycle } from './lifecycle.ts'
import { answer, readDocument, requireBucket, type S3Request, type Store } from './s3-request.ts'
import { S3Error } from './s3-error.ts'
import { document, escapeXml, textOf } from './xml.ts'

/** Amazon's rules for names: 3-63 of a-z 0-9 . -, beginning and ending with a letter or digit, not an IP address. */
const validName = /^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

export function makeBucket(store: Store, request: S3Request): void {
  const { bucket } = request
  if (!validName.test(bucket)) throw new S3Error('InvalidBucketName', `${bucket} is not a valid bucket name`)
  if (!store.index.addBucket(bucket, store.now()))
    throw new S3Error('BucketAlreadyOwnedByYou', 'the bucket is there already')
  answer(request, 200, '', { location: `/${bucket}` })
}

export function headBucket(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  answer(request, 200, '', { 'x-amz-bucket-region': store.region })
}

export function removeBucket(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  const { removed, blobs } = store.index.removeBucket(request.bucket)
  if (!removed) throw new S3Error('BucketNotEmpty', 'the bucket still holds objects')
  store.blobs.discard(blobs)
  answer(request, 204)
}

export function getLocation(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  // The oldest region has no name here (S3 API, GetBucketLocation).
  answer(
    request,
    200,
    document('LocationConstraint', store.region === 'us-east-1' ? '' : escapeXml(store.region)),
  )
}

/** Versions are never kept, and the answer says so. */
export function getVersioning(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  answer(request, 200, document('VersioningConfiguration'))
}

export async function putVersioning(store: Store, request: S3Request): Promise<void> {
  requireBucket(store, request.bucket)
  if (textOf(await readDocument(request), 'Status') !== 'Suspended') {
    throw new S3Error('NotImplemented', 'this store keeps no versions')
  }
  answer(request, 200)
}

export async function putPolicy(store: Store, request: S3Request): Promise<void> {
  requireBucket(store, request.bucket)
  const policy = await readDocument(request)
  parsePolicy(policy)
  store.index.saveSetting(request.bucket, 'policy', policy)
  answer(request, 204)
}

export function getPolicy(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  const policy = store.index.setting(request.bucket, 'policy')
  if (policy === undefined) throw new S3Error('NoSuchBucketPolicy', 'the bucket has no policy')
  answer(request, 200, policy, { 'content-type': 'application/json' })
}

export function deletePolicy(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  store.index.saveSetting(request.bucket, 'policy', null)
  answer(request, 204)
}

export async function putLifecycle(store: Store, request: S3Request): Promise<void> {
  requireBucket(store, request.bucket)
  const lifecycle = await readDocument(request)
  parseLifecycle(lifecycle)
  store.index.saveSetting(request.bucket, 'lifecycle', lifecycle)
  answer(request, 200)
}

export function getLifecycle(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  const lifecycle = store.index.setting(request.bucket, 'lifecycle')
  if (lifecycle === undefined)
    throw new S3Error('NoSuchLifecycleConfiguration', 'the bucket has no lifecycle')
  answer(request, 200, lifecycle, { 'content-type': 'application/xml' })
}

export function deleteLifecycle(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  store.index.saveSetting(request.bucket, 'lifecycle', null)
  answer(request, 204)
}
