import { pipeline } from 'node:stream/promises'
import { receiveBody } from './bodies.ts'
import { keptHeaders, tagsOfHeader, tagsOfXml } from './object-headers.ts'
import type { ObjectRow } from './object-index.ts'
import {
  answer,
  readDocument,
  requireBucket,
  requireObject,
  type S3Request,
  type Store,
} from './s3-request.ts'
import { S3Error } from './s3-error.ts'
import { uriDecode } from './uri.ts'
import { document, elements, escapeXml, leaf, textOf } from './xml.ts'

/** Headers that a signed GET may ask to be answered differently, as `response-<name>`. */
const overridable = [
  'content-type',
  'content-language',
  'expires',
  'cache-control',
  'content-disposition',
  'content-encoding',
]

/** PUT of an object: replaces what was there as a whole, and only after the new bytes are on the disk. */
export async function putObject(store: Store, request: S3Request): Promise<void> {
  if (request.headers['x-amz-copy-source'] !== undefined) return copyObject(store, request)
  const { bucket, key } = request
  requireBucket(store, bucket)
  const [headers, tags] = [keptHeaders(request.headers), tagsOfHeader(request.headers['x-amz-tagging'])]
  const { blob, size, md5 } = await receiveBody(store, request)
  const object = {
    bucket,
    key,
    size,
    etag: md5,
    modifiedAt: store.now(),
    headers,
    tags,
    pieces: [{ blob, size }],
  }
  saveReceived(store, object)
  answer(request, 200, '', { etag: `"${md5}"` })
}

/** Enters an object whose bytes have just been written. The bucket may have gone while they came in. */
export function saveReceived(store: Store, object: ObjectRow): void {
  if (!store.index.hasBucket(object.bucket)) {
    store.blobs.discard(object.pieces.map((piece) => piece.blob))
    requireBucket(store, object.bucket)
  }
  store.blobs.discard(store.index.saveObject(object))
}

async function copyObject(store: Store, request: S3Request): Promise<void> {
  const { bucket, key } = request
  const source = copySource(store, request)
  requireBucket(store, bucket)
  checkConditions(request.headers, source, 'x-amz-copy-source-')
  const replaces = request.headers['x-amz-metadata-directive'] === 'REPLACE'
  const replacesTags = request.headers['x-amz-tagging-directive'] === 'REPLACE'
  const { blob, size, md5 } = await store.blobs.copy(source.pieces)
  const modifiedAt = store.now()
  saveReceived(store, {
    bucket,
    key,
    size,
    etag: md5,
    modifiedAt,
    headers: replaces ? keptHeaders(request.headers) : source.headers,
    tags: replacesTags ? tagsOfHeader(request.headers['x-amz-tagging']) : source.tags,
    pieces: [{ blob, size }],
  })
  answer(
    request,
    200,
    document('CopyObjectResult', leaf('LastModified', modifiedAt.toISOString()), leaf('ETag', `"${md5}"`)),
  )
}

/** The object that x-amz-copy-source (`/bucket/key`, encoded) names. */
export function copySource(store: Store, request: S3Request): ObjectRow {
  const name = uriDecode((request.headers['x-amz-copy-source'] ?? '').replace(/^\//, ''))
  const [bucket = '', ...key] = name.split('/')
  return requireObject(store, bucket, key.join('/'))
}

/** GET and HEAD, whole or one range. */
export async function getObject(store: Store, request: S3Request): Promise<void> {
  const object = requireObject(store, request.bucket, request.key)
  const headers: Record<string, string> = {
    ...object.headers,
    etag: `"${object.etag}"`,
    'last-modified': object.modifiedAt.toUTCString(),
    'accept-ranges': 'bytes',
  }
  const tagCount = Object.keys(object.tags).length
  if (tagCount > 0) headers['x-amz-tagging-count'] = String(tagCount)
  for (const name of overridable) {
    const value = request.query.get(`response-${name}`)
    if (value === undefined) continue
    if (request.anonymous) throw new S3Error('InvalidRequest', 'response-* parameters need a signed request')
    headers[name] = value
  }
  if (checkConditions(request.headers, object) === 'unchanged') {
    request.response
      .writeHead(304, { etag: `"${object.etag}"`, 'last-modified': object.modifiedAt.toUTCString() })
      .end()
    return
  }
  const range = parseRange(request.headers['range'], object.size)
  if (range !== undefined) headers['content-range'] = `bytes ${range.start}-${range.end}/${object.size}`
  const { start, end } = range ?? { start: 0, end: object.size - 1 }
  request.response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    'content-length': end - start + 1,
  })
  if (request.method === 'HEAD') request.response.end()
  else await pipeline(store.blobs.read(object.pieces, start, end), request.response)
}

/** If-Match and its kin (RFC 9110, section 13). 'unchanged' asks for a 304; a failed precondition throws. */
function checkConditions(
  headers: Record<string, string | undefined>,
  object: ObjectRow,
  prefix = '',
): 'unchanged' | 'proceed' {
  const names = (header: string) =>
    header.split(',').map((tag) => tag.trim().replace(/^W\//, '').replaceAll('"', ''))
  const has = (header: string) => names(header).some((tag) => tag === '*' || tag === object.etag)
  const [match, noneMatch] = [headers[`${prefix}if-match`], headers[`${prefix}if-none-match`]]
  const [since, unmodified] = [headers[`${prefix}if-modified-since`], headers[`${prefix}if-unmodified-since`]]
  // Header dates have whole seconds.
  const modifiedAt = Math.floor(object.modifiedAt.getTime() / 1000) * 1000
  const failed =
    match === undefined ? unmodified !== undefined && modifiedAt > Date.parse(unmodified) : !has(match)
  if (failed) throw new S3Error('PreconditionFailed', 'the object is not as the request expects')
  const unchanged =
    noneMatch === undefined ? since !== undefined && modifiedAt <= Date.parse(since) : has(noneMatch)
  if (unchanged && prefix !== '')
    throw new S3Error('PreconditionFailed', 'the object is not as the request expects')
  return unchanged ? 'unchanged' : 'proceed'
}

/** One `bytes=` range, clipped to the object; several ranges or other units are ignored, as S3 does. */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | undefined {
  const [whole, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (whole === undefined || (first === '' && last === '')) return undefined
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (start > end) throw new S3Error('InvalidRange', `the object has ${size} bytes`)
  return { start, end }
}

/** Succeeds also when there is no such object. */
export function deleteObject(store: Store, request: S3Request): void {
  requireBucket(store, request.bucket)
  store.blobs.discard(store.index.removeObject(request.bucket, request.key))
  answer(request, 204)
}

/** POST ?delete: up to 1000 keys at once. */
export async function deleteObjects(store: Store, request: S3Request): Promise<void> {
  requireBucket(store, request.bucket)
  const xml = await readDocument(request)
  const keys = elements(xml, 'Object').map((object) => textOf(object, 'Key'))
  if (keys.length === 0 || keys.length > 1000) throw new S3Error('MalformedXML', 'expected 1 to 1000 objects')
  const deleted = keys.map((key) => {
    if (key === undefined) throw new S3Error('MalformedXML', 'an object needs a Key')
    store.blobs.discard(store.index.removeObject(request.bucket, key))
    return `<Deleted><Key>${escapeXml(key)}</Key></Deleted>`
  })
  const quiet = textOf(xml, 'Quiet') === 'true'
  answer(request, 200, document('DeleteResult', ...(quiet ? [] : deleted)))
}

export function getTags(store: Store, request: S3Request): void {
  const { tags } = requireObject(store, request.bucket, request.key)
  const set = Object.entries(tags).map(
    ([key, value]) => `<Tag>${leaf('Key', key)}${leaf('Value', value)}</Tag>`,
  )
  answer(request, 200, document('Tagging', `<TagSet>${set.join('')}</TagSet>`))
}

export async function putTags(store: Store, request: S3Request): Promise<void> {
  const tags = tagsOfXml(await readDocument(request))
  store.index.saveObject({ ...requireObject(store, request.bucket, request.key), tags })
  answer(request, 200)
}

export function deleteTags(store: Store, request: S3Request): void {
  store.index.saveObject({ ...requireObject(store, request.bucket, request.key), tags: {} })
  answer(request, 204)
}
