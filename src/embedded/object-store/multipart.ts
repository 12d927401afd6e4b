import { createHash, randomUUID } from 'node:crypto'
import { receiveBody } from './bodies.ts'
import { keptHeaders, tagsOfHeader } from './object-headers.ts'
import type { PartRow, UploadRow } from './object-index.ts'
import { copySource, parseRange } from './objects.ts'
import { answer, limitOf, readDocument, requireBucket, type S3Request, type Store } from './s3-request.ts'
import { S3Error } from './s3-error.ts'
import { document, elements, leaf, textOf } from './xml.ts'

/** S3's least size of every part but the last. */
const MIN_PART_BYTES = 5 * 1024 ** 2
/** S3's highest part number. */
const MAX_PARTS = 10_000

/** POST ?uploads */
export function startUpload(store: Store, request: S3Request): void {
  const { bucket, key } = request
  requireBucket(store, bucket)
  const [headers, tags] = [keptHeaders(request.headers), tagsOfHeader(request.headers['x-amz-tagging'])]
  const id = randomUUID()
  store.index.addUpload({ id, bucket, key, startedAt: store.now(), headers, tags })
  const parts = [leaf('Bucket', bucket), leaf('Key', key), leaf('UploadId', id)]
  answer(request, 200, document('InitiateMultipartUploadResult', ...parts))
}

function requireUpload(store: Store, request: S3Request): UploadRow {
  requireBucket(store, request.bucket)
  const upload = store.index.upload(request.query.get('uploadId') ?? '')
  if (upload === undefined || upload.bucket !== request.bucket || upload.key !== request.key) {
    throw new S3Error('NoSuchUpload', 'there is no such upload: it was finished, aborted, or never started')
  }
  return upload
}

/** PUT ?partNumber&uploadId, with a body or with a range of an existing object. */
export async function putPart(store: Store, request: S3Request): Promise<void> {
  const upload = requireUpload(store, request)
  const number = Number(request.query.get('partNumber'))
  if (!Number.isInteger(number) || number < 1 || number > MAX_PARTS) {
    throw new S3Error('InvalidArgument', `partNumber must be between 1 and ${MAX_PARTS}`)
  }
  const copies = request.headers['x-amz-copy-source'] !== undefined
  const { blob, size, md5 } = copies ? await copyRange(store, request) : await receiveBody(store, request)
  if (store.index.upload(upload.id) === undefined) {
    store.blobs.discard([blob])
    throw new S3Error('NoSuchUpload', 'the upload was finished or aborted meanwhile')
  }
  const modifiedAt = store.now()
  store.blobs.discard(store.index.savePart(upload.id, { number, size, etag: md5, modifiedAt, blob }))
  const result = [leaf('LastModified', modifiedAt.toISOString()), leaf('ETag', `"${md5}"`)]
  answer(request, 200, copies ? document('CopyPartResult', ...result) : '', { etag: `"${md5}"` })
}

function copyRange(store: Store, request: S3Request) {
  const source = copySource(store, request)
  const range = parseRange(request.headers['x-amz-copy-source-range'], source.size)
  return store.blobs.write(store.blobs.read(source.pieces, range?.start, range?.end), source.size)
}

/** POST ?uploadId: the object appears now, as a whole. Its bytes stay in the files of the parts. */
export async function completeUpload(store: Store, request: S3Request): Promise<void> {
  const xml = await readDocument(request)
  const { id, bucket, key, headers, tags } = requireUpload(store, request)
  const parts = chooseParts(xml, store.index.parts(id))
  const hash = createHash('md5')
  for (const part of parts) hash.update(Buffer.from(part.etag, 'hex'))
  const etag = `${hash.digest('hex')}-${parts.length}`
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  const pieces = parts.map((part) => ({ blob: part.blob, size: part.size }))
  const object = { bucket, key, size, etag, modifiedAt: store.now(), headers, tags, pieces }
  store.blobs.discard(store.index.finishUpload(id, object))
  const location = `http://${request.headers['host']}/${bucket}/${key}`
  const result = [
    leaf('Location', location),
    leaf('Bucket', bucket),
    leaf('Key', key),
    leaf('ETag', `"${etag}"`),
  ]
  answer(request, 200, document('CompleteMultipartUploadResult', ...result))
}

/** The parts that the client lists, which must be there, unchanged, ascending, and large enough. */
function chooseParts(xml: string, there: readonly PartRow[]): PartRow[] {
  const byNumber = new Map(there.map((part) => [part.number, part]))
  const chosen = elements(xml, 'Part').map((listed) => {
    const part = byNumber.get(Number(textOf(listed, 'PartNumber')))
    if (part === undefined || textOf(listed, 'ETag')?.replaceAll('"', '') !== part.etag) {
      throw new S3Error(
        'InvalidPart',
        `part ${textOf(listed, 'PartNumber')} was not uploaded, or has another ETag`,
      )
    }
    return part
  })
  if (chosen.length === 0) throw new S3Error('MalformedXML', 'no part is listed')
  for (const [index, part] of chosen.entries()) {
    const next = chosen[index + 1]
    if (next !== undefined && next.number <= part.number)
      throw new S3Error('InvalidPartOrder', 'list the parts in ascending order')
    if (next !== undefined && part.size < MIN_PART_BYTES) {
      throw new S3Error('EntityTooSmall', `every part but the last has at least ${MIN_PART_BYTES} bytes`)
    }
  }
  return chosen
}

/** DELETE ?uploadId */
export function abortUpload(store: Store, request: S3Request): void {
  const upload = requireUpload(store, request)
  store.blobs.discard(store.index.abortUpload(upload.id))
  answer(request, 204)
}

/** GET ?uploadId */
export function listParts(store: Store, request: S3Request): void {
  const upload = requireUpload(store, request)
  const [limit, after] = [limitOf(request, 'max-parts'), Number(request.query.get('part-number-marker') ?? 0)]
  const left = store.index.parts(upload.id).filter((part) => part.number > after)
  const page = left.slice(0, limit)
  const listed = page.map(
    (part) =>
      `<Part>${leaf('PartNumber', part.number)}${leaf('LastModified', part.modifiedAt.toISOString())}${leaf('ETag', `"${part.etag}"`)}${leaf('Size', part.size)}</Part>`,
  )
  const head = [
    leaf('Bucket', upload.bucket),
    leaf('Key', upload.key),
    leaf('UploadId', upload.id),
    leaf('PartNumberMarker', after),
    leaf('NextPartNumberMarker', page.at(-1)?.number ?? 0),
    leaf('MaxParts', limit),
    leaf('IsTruncated', String(left.length > page.length)),
  ]
  answer(request, 200, document('ListPartsResult', ...head, ...listed))
}

/** GET ?uploads, in the order of key and start, without delimiter. */
export function listUploads(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  const { query, bucket } = request
  if (query.get('delimiter')) throw new S3Error('NotImplemented', 'uploads are listed without delimiter only')
  const [limit, prefix] = [limitOf(request, 'max-uploads'), query.get('prefix') ?? '']
  const [keyMarker, idMarker] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? '']
  const all = store.index.uploads(bucket).filter((upload) => upload.key.startsWith(prefix))
  const marker = all.findIndex((upload) => upload.key === keyMarker && upload.id === idMarker)
  const left =
    marker >= 0 ? all.slice(marker + 1) : all.filter((upload) => keyMarker === '' || upload.key > keyMarker)
  const page = left.slice(0, limit)
  const listed = page.map(
    (upload) =>
      `<Upload>${leaf('Key', upload.key)}${leaf('UploadId', upload.id)}${leaf('Initiated', upload.startedAt.toISOString())}</Upload>`,
  )
  const head = [
    leaf('Bucket', bucket),
    leaf('KeyMarker', keyMarker),
    leaf('UploadIdMarker', idMarker),
    leaf('NextKeyMarker', page.at(-1)?.key ?? ''),
    leaf('NextUploadIdMarker', page.at(-1)?.id ?? ''),
    leaf('Prefix', prefix),
    leaf('MaxUploads', limit),
    leaf('IsTruncated', String(left.length > page.length)),
  ]
  answer(request, 200, document('ListMultipartUploadsResult', ...head, ...listed))
}
