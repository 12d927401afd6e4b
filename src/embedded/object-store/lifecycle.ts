import type { Store } from './s3-request.ts'
import { S3Error } from './s3-error.ts'
import { elements, textOf } from './xml.ts'

const DAY_MS = 24 * 60 * 60_000

interface Rule {
  prefix: string
  /** Days after which objects go; undefined keeps them. */
  objectDays: number | undefined
  /** Days after which unfinished uploads go. */
  uploadDays: number | undefined
}

/**
 * Reads the enabled rules of a lifecycle document. Expiration after days and the end of unfinished uploads are carried
 * out; anything else (dates, transitions, versions, filters beside a prefix) is refused rather than ignored.
 */
export function parseLifecycle(xml: string): Rule[] {
  const rules = elements(xml, 'Rule')
  if (rules.length === 0) throw new S3Error('MalformedXML', 'a lifecycle needs at least one Rule')
  const strange = /<(Date|Transition|Noncurrent\w+|ExpiredObjectDeleteMarker|Tag|And|ObjectSize\w+)\b/.exec(
    xml,
  )
  if (strange) throw new S3Error('NotImplemented', `lifecycle rules with ${strange[1]} are not supported`)
  return rules.flatMap((rule) => {
    const status = textOf(rule, 'Status')
    if (status !== 'Enabled' && status !== 'Disabled')
      throw new S3Error('MalformedXML', 'Status must be Enabled or Disabled')
    const objectDays = daysOf(elements(rule, 'Expiration')[0], 'Days')
    const uploadDays = daysOf(elements(rule, 'AbortIncompleteMultipartUpload')[0], 'DaysAfterInitiation')
    return status === 'Enabled' ? [{ prefix: textOf(rule, 'Prefix') ?? '', objectDays, uploadDays }] : []
  })
}

function daysOf(xml: string | undefined, name: string): number | undefined {
  if (xml === undefined) return undefined
  const days = Number(textOf(xml, name))
  if (!Number.isInteger(days) || days < 1)
    throw new S3Error('InvalidArgument', `${name} must be a positive whole number`)
  return days
}

/** Deletes what the buckets' rules say is too old. The server calls it when it starts and every hour. */
export function expire(store: Store): void {
  for (const { name: bucket } of store.index.buckets()) {
    const document = store.index.setting(bucket, 'lifecycle')
    if (document === undefined) continue
    for (const { prefix, objectDays, uploadDays } of parseLifecycle(document)) {
      if (objectDays !== undefined) expireObjects(store, bucket, prefix, objectDays)
      if (uploadDays === undefined) continue
      const uploads = store.index.uploads(bucket).filter((upload) => upload.key.startsWith(prefix))
      for (const { id, startedAt } of uploads) {
        if (isOlder(store, startedAt, uploadDays)) store.blobs.discard(store.index.abortUpload(id))
      }
    }
  }
}

function expireObjects(store: Store, bucket: string, prefix: string, days: number): void {
  let after = ''
  for (;;) {
    const page = store.index.objectsAfter(bucket, prefix, after, 1000)
    for (const { key, modifiedAt } of page) {
      if (isOlder(store, modifiedAt, days)) store.blobs.discard(store.index.removeObject(bucket, key))
    }
    const last = page.at(-1)
    if (last === undefined) return
    after = last.key
  }
}

function isOlder(store: Store, date: Date, days: number): boolean {
  return store.now().getTime() - date.getTime() > days * DAY_MS
}
