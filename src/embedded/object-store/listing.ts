import { LAST_CHARACTER, type ObjectIndex, type ObjectRow } from './object-index.ts'
import { answer, limitOf, requireBucket, type S3Request, type Store } from './s3-request.ts'
import { S3Error } from './s3-error.ts'
import { uriEncodePath } from './uri.ts'
import { document, leaf } from './xml.ts'

/** One page of a listing. `last` is the key or prefix that the next page begins behind; empty on the last page. */
interface Page {
  objects: ObjectRow[]
  prefixes: string[]
  last: string
}

/** Keys with `prefix` behind `after`; those that share the text up to the next `delimiter` are rolled into one prefix. */
function listPage(
  index: ObjectIndex,
  bucket: string,
  prefix: string,
  delimiter: string,
  after: string,
  limit: number,
): Page {
  const page: Page = { objects: [], prefixes: [], last: '' }
  let position = after
  const isFull = () => page.objects.length + page.prefixes.length >= limit
  let [reached, more] = ['', limit > 0]
  while (more) {
    const rows = index.objectsAfter(bucket, prefix, position, delimiter === '' ? limit + 1 : 50)
    more = rows.length > 0
    for (const row of rows) {
      if (isFull()) return { ...page, last: reached }
      const cut = delimiter === '' ? -1 : row.key.indexOf(delimiter, prefix.length)
      if (cut < 0) {
        page.objects.push(row)
        reached = row.key
        position = row.key
        continue
      }
      reached = row.key.slice(0, cut + delimiter.length)
      page.prefixes.push(reached)
      // Jumps over everything below the prefix, however much it is.
      position = `${reached}${LAST_CHARACTER}`
      break
    }
  }
  return page
}

/** GET of a bucket: ListObjectsV2, or the first version when `list-type` is not 2. */
export function listObjects(store: Store, request: S3Request): void {
  const { query, bucket } = request
  requireBucket(store, bucket)
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? '']
  const encoding = query.get('encoding-type')
  if (encoding !== undefined && encoding !== 'url')
    throw new S3Error('InvalidArgument', 'encoding-type must be url')
  const encode = encoding === 'url' ? uriEncodePath : (text: string) => text
  const limit = limitOf(request, 'max-keys')
  const isV2 = query.get('list-type') === '2'
  const [token, marker] = [query.get('continuation-token'), query.get(isV2 ? 'start-after' : 'marker') ?? '']
  const from = token === undefined || !isV2 ? marker : Buffer.from(token, 'base64url').toString('utf8')
  // A page may have ended with a rolled-up prefix: the next begins behind all keys below it.
  const isRolledUp = delimiter !== '' && from.length > prefix.length && from.endsWith(delimiter)
  const after = isRolledUp ? `${from}${LAST_CHARACTER}` : from
  const page = listPage(store.index, bucket, prefix, delimiter, after, limit)
  const head = [
    leaf('Name', bucket),
    leaf('Prefix', encode(prefix)),
    ...(delimiter === '' ? [] : [leaf('Delimiter', encode(delimiter))]),
    leaf('MaxKeys', limit),
    ...(encoding === undefined ? [] : [leaf('EncodingType', encoding)]),
    leaf('IsTruncated', String(page.last !== '')),
  ]
  if (isV2) {
    head.push(leaf('KeyCount', page.objects.length + page.prefixes.length))
    if (token !== undefined) head.push(leaf('ContinuationToken', token))
    if (page.last !== '')
      head.push(leaf('NextContinuationToken', Buffer.from(page.last).toString('base64url')))
  } else {
    head.push(leaf('Marker', encode(marker)))
    if (page.last !== '') head.push(leaf('NextMarker', encode(page.last)))
  }
  const contents = page.objects.map(
    (object) =>
      `<Contents>${leaf('Key', encode(object.key))}${leaf('LastModified', object.modifiedAt.toISOString())}${leaf('ETag', `"${object.etag}"`)}${leaf('Size', object.size)}${leaf('StorageClass', 'STANDARD')}</Contents>`,
  )
  const prefixes = page.prefixes.map(
    (text) => `<CommonPrefixes>${leaf('Prefix', encode(text))}</CommonPrefixes>`,
  )
  answer(request, 200, document('ListBucketResult', ...head, ...contents, ...prefixes))
}

/** GET of the service. */
export function listBuckets(store: Store, request: S3Request): void {
  const owner = `<Owner>${leaf('ID', store.credentials.accessKey)}${leaf('DisplayName', store.credentials.accessKey)}</Owner>`
  const buckets = store.index
    .buckets()
    .map(
      ({ name, createdAt }) =>
        `<Bucket>${leaf('Name', name)}${leaf('CreationDate', createdAt.toISOString())}</Bucket>`,
    )
  answer(request, 200, document('ListAllMyBucketsResult', owner, `<Buckets>${buckets.join('')}</Buckets>`))
}
