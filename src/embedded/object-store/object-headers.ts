import { S3Error } from './s3-error.ts'
import { elements, textOf } from './xml.ts'
import { parseQuery } from './uri.ts'

/** Headers that are kept with an object and given back with it. */
const kept = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
]
/** S3's limit for names and values of x-amz-meta-* together. */
const MAX_METADATA_BYTES = 2048
/** S3's limits for tags. */
const MAX_TAGS = 10
const MAX_TAG_KEY = 128
const MAX_TAG_VALUE = 256

/** The headers of `given` (names in lower case) that are kept with an object. */
export function keptHeaders(given: Record<string, string | undefined>): Record<string, string> {
  const headers: Record<string, string> = {}
  let metadataBytes = 0
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const isMetadata = name.startsWith('x-amz-meta-')
    if (!isMetadata && !kept.includes(name)) continue
    if (isMetadata)
      metadataBytes += Buffer.byteLength(name.slice('x-amz-meta-'.length)) + Buffer.byteLength(value)
    headers[name] = value
  }
  if (metadataBytes > MAX_METADATA_BYTES) {
    throw new S3Error('MetadataTooLarge', `x-amz-meta-* takes more than ${MAX_METADATA_BYTES} bytes`)
  }
  return { 'content-type': 'binary/octet-stream', ...headers }
}

/** Tags of the x-amz-tagging header: a query string. */
export function tagsOfHeader(header: string | undefined): Record<string, string> {
  return checkTags(parseQuery(header ?? ''))
}

/** Tags of a Tagging document. */
export function tagsOfXml(xml: string): Record<string, string> {
  const pairs = elements(xml, 'Tag').map((tag): [string, string] => {
    const [key, value] = [textOf(tag, 'Key'), textOf(tag, 'Value')]
    if (key === undefined || value === undefined)
      throw new S3Error('MalformedXML', 'a tag needs a Key and a Value')
    return [key, value]
  })
  return checkTags(pairs)
}

function checkTags(pairs: [string, string][]): Record<string, string> {
  const tags = Object.fromEntries(pairs)
  const fits = ([key, value]: [string, string]) =>
    key.length >= 1 && key.length <= MAX_TAG_KEY && value.length <= MAX_TAG_VALUE
  if (pairs.length > MAX_TAGS || Object.keys(tags).length < pairs.length || !pairs.every(fits)) {
    throw new S3Error(
      'InvalidTag',
      `at most ${MAX_TAGS} different keys of 1-${MAX_TAG_KEY} with values of 0-${MAX_TAG_VALUE}`,
    )
  }
  return tags
}
