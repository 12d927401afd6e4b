import * as buckets from './buckets.ts'
import * as listing from './listing.ts'
import * as multipart from './multipart.ts'
import * as objects from './objects.ts'
import { postObject } from './post-policy.ts'
import type { S3Request, Store } from './s3-request.ts'
import { S3Error } from './s3-error.ts'

export interface Route {
  /** The name that bucket policies use for it; undefined: strangers never may. */
  action: string | undefined
  run: (store: Store, request: S3Request) => void | Promise<void>
  /** The request carries its proof in its body, so it may come without a signature. */
  provesItself?: true
}

/** By method, level (service, bucket, object) and sub-resource. */
const routes: Record<string, Route> = {
  'GET service': { action: undefined, run: listing.listBuckets },
  'PUT bucket': { action: undefined, run: buckets.makeBucket },
  'HEAD bucket': { action: 's3:ListBucket', run: buckets.headBucket },
  'DELETE bucket': { action: undefined, run: buckets.removeBucket },
  'GET bucket': { action: 's3:ListBucket', run: listing.listObjects },
  'POST bucket': { action: undefined, run: postObject, provesItself: true },
  'POST bucket delete': { action: undefined, run: objects.deleteObjects },
  'GET bucket location': { action: 's3:GetBucketLocation', run: buckets.getLocation },
  'GET bucket uploads': { action: 's3:ListBucketMultipartUploads', run: multipart.listUploads },
  'GET bucket versioning': { action: undefined, run: buckets.getVersioning },
  'PUT bucket versioning': { action: undefined, run: buckets.putVersioning },
  'GET bucket policy': { action: undefined, run: buckets.getPolicy },
  'PUT bucket policy': { action: undefined, run: buckets.putPolicy },
  'DELETE bucket policy': { action: undefined, run: buckets.deletePolicy },
  'GET bucket lifecycle': { action: undefined, run: buckets.getLifecycle },
  'PUT bucket lifecycle': { action: undefined, run: buckets.putLifecycle },
  'DELETE bucket lifecycle': { action: undefined, run: buckets.deleteLifecycle },
  'GET object': { action: 's3:GetObject', run: objects.getObject },
  'HEAD object': { action: 's3:GetObject', run: objects.getObject },
  'PUT object': { action: 's3:PutObject', run: objects.putObject },
  'DELETE object': { action: 's3:DeleteObject', run: objects.deleteObject },
  'GET object tagging': { action: undefined, run: objects.getTags },
  'PUT object tagging': { action: undefined, run: objects.putTags },
  'DELETE object tagging': { action: undefined, run: objects.deleteTags },
  'POST object uploads': { action: undefined, run: multipart.startUpload },
  'PUT object uploadId': { action: undefined, run: multipart.putPart },
  'POST object uploadId': { action: undefined, run: multipart.completeUpload },
  'DELETE object uploadId': { action: undefined, run: multipart.abortUpload },
  'GET object uploadId': { action: undefined, run: multipart.listParts },
}

/** Parameters that name another resource than the bucket or object itself; we know all, also those we do not have. */
const subresources = [
  'accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle',
  'location logging metrics notification object-lock ownershipControls policy policyStatus publicAccessBlock',
  'replication requestPayment restore retention select tagging torrent uploadId uploads versionId versioning versions',
  'website',
].flatMap((line) => line.split(' '))

/** The operation that a request asks for; throws for what this store does not offer. */
export function findRoute({
  method,
  bucket,
  key,
  query,
}: Pick<S3Request, 'method' | 'bucket' | 'key' | 'query'>): Route {
  const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object'
  const subresource = subresources.find((name) => query.has(name))
  const route = routes[[method, level, subresource].filter(Boolean).join(' ')]
  if (route !== undefined) return route
  if (subresource !== undefined) throw new S3Error('NotImplemented', `this store has no ${subresource}`)
  throw new S3Error('MethodNotAllowed', `${method} is not allowed here`)
}
