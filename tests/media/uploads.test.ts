import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/contract/errors.ts'
import { checkUploaded } from '../../src/domain/media/check-uploaded.ts'
import { openAttachment } from '../../src/domain/media/open-attachment.ts'
import { tidyMedia } from '../../src/domain/media/sweep-media.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { eventually } from '../harness/eventually.ts'
import { type MediaHub, startMediaHub, storeClient } from './media-hub.ts'
import { photo } from './pictures.ts'
import { announceUpload } from './uploads.ts'

const nobody = { url: 'http://127.0.0.1:1', host: '127.0.0.1:1' }

async function startUploads(more = {}): Promise<MediaHub> {
  const media = await startMediaHub(nobody, more)
  await media.hub.deps.storage.ready()
  return media
}

const check = async (media: MediaHub, id: string) =>
  (await checkUploaded(media.hub.deps, media.hub.tenant.id, [id])).get(id)

describe('[MED11] a file that our side uploads', () => {
  test('is ready once its bytes are there, and can be opened for sending', async () => {
    await using media = await startUploads()
    const upload = await announceUpload(media.hub, await photo(), 'image/jpeg', { fileName: 'shrub.jpg' })
    expect(await check(media, upload.id)).toMatchObject({ code: 'media_not_ready' })
    expect(await upload.put()).toBe(200)
    expect(await check(media, upload.id)).toEqual({
      id: upload.id,
      mimeType: 'image/jpeg',
      sizeBytes: (await photo()).length,
      fileName: 'shrub.jpg',
    })
    const opened = await openAttachment(media.hub.deps, media.hub.tenant.id, upload.id)
    expect(opened).toMatchObject({ id: upload.id, mimeType: 'image/jpeg', fileName: 'shrub.jpg' })
    expect(await buffer(await opened.open())).toEqual(await photo())
    expect(await buffer(await opened.open())).toEqual(await photo())
    expect(await media.objects()).toEqual([(await media.row(upload.id)).object_key])
  })

  test('of exactly the largest size is announced, one byte more is refused', async () => {
    await using media = await startUploads({ MEDIA_BYTES: '1000' })
    await announceUpload(media.hub, Buffer.alloc(1000), 'application/x-test')
    await expect(announceUpload(media.hub, Buffer.alloc(1001), 'application/x-test')).rejects.toMatchObject({
      code: 'payload_too_large',
      details: { limitBytes: 1000 },
    })
  })

  test('may be neither shorter nor longer than announced, nor longer than allowed', async () => {
    await using media = await startUploads({ MEDIA_BYTES: '1000' })
    for (const [sent, reason] of [
      [999, '999 bytes; 1000 were announced'],
      [1001, 'it has 1001 bytes; at most 1000 are allowed'],
      [0, '0 bytes; 1000 were announced'],
    ] as const) {
      const upload = await announceUpload(media.hub, Buffer.alloc(1000), 'application/x-test')
      expect(await upload.put(Buffer.alloc(sent))).toBe(200)
      const answer = await check(media, upload.id)
      expect(answer).toMatchObject({
        code: 'media_refused',
        details: { reason: expect.stringContaining(reason) as string },
      })
      expect(await check(media, upload.id)).toMatchObject({ code: 'media_refused' })
    }
    expect(await media.objects()).toEqual([])
  })

  test('must be of the type that was announced', async () => {
    await using media = await startUploads()
    const page = Buffer.from('<html><script>alert(1)</script></html>')
    const upload = await announceUpload(media.hub, page, 'image/jpeg')
    await upload.put()
    expect(await check(media, upload.id)).toMatchObject({ code: 'media_refused' })
    const honest = await announceUpload(media.hub, page, 'text/html')
    await honest.put()
    expect(await check(media, honest.id)).toMatchObject({ mimeType: 'application/octet-stream' })
  })

  test('cannot be changed after it was looked at, though its address still works', async () => {
    await using media = await startUploads()
    const upload = await announceUpload(media.hub, await photo(), 'image/jpeg')
    await upload.put()
    await check(media, upload.id)
    expect(await upload.put(Buffer.from('something else'))).toBe(200)
    const opened = await openAttachment(media.hub.deps, media.hub.tenant.id, upload.id)
    expect(await buffer(await opened.open())).toEqual(await photo())
  })

  test('that is referred to ten times at once is looked at by all and kept once', async () => {
    await using media = await startUploads()
    const upload = await announceUpload(media.hub, await photo(), 'image/jpeg')
    await upload.put()
    const answers = await Promise.all(Array.from({ length: 10 }, () => check(media, upload.id)))
    for (const answer of answers) expect(answer).toMatchObject({ id: upload.id, mimeType: 'image/jpeg' })
    expect(await media.objects()).toEqual([(await media.row(upload.id)).object_key])
  })

  test('of another tenant does not exist, and neither does a file of a customer', async () => {
    await using media = await startUploads()
    const upload = await announceUpload(media.hub, await photo(), 'image/jpeg')
    await upload.put()
    const other = await media.hub.addTenant()
    expect((await checkUploaded(media.hub.deps, other.id, [upload.id])).get(upload.id)).toMatchObject({
      code: 'not_found',
    })
    await expect(openAttachment(media.hub.deps, other.id, upload.id)).rejects.toMatchObject({
      code: 'not_found',
    })
    const received = await media.receive({ id: 'f1' })
    expect(await check(media, received.attachmentId)).toMatchObject({ code: 'not_found' })
  })

  test('goes only where and as long as its address says', async () => {
    await using media = await startUploads({ MEDIA_UPLOAD_SECONDS: '1' })
    const upload = await announceUpload(media.hub, await photo(), 'image/jpeg')
    expect(Date.parse(upload.upload.expiresAt) - Date.now()).toBeLessThanOrEqual(1000)
    const elsewhere = new URL(upload.upload.url)
    elsewhere.pathname = `${elsewhere.pathname}x`
    expect((await fetch(elsewhere, { method: 'PUT', body: 'x' })).status).toBe(403)
    expect((await fetch(upload.upload.url)).status).toBe(403)
    await eventually(async () => expect(await upload.put()).toBe(403), 5000)
  })

  test('in parts that nobody finishes is cleared away, a fresh one is not', async () => {
    await using media = await startUploads({ MEDIA_TOTAL_MS: '500' })
    const client = storeClient(media.hub)
    await client.initiateNewMultipartUpload(media.hub.config.S3_BUCKET, 'some/key', {})
    expect(await tidyMedia(media.hub.deps)).toEqual({ uploads: 0, halfUploads: 0, strays: 0, outlived: 0 })
    expect(await media.halfUploads()).toEqual(['some/key'])
    await eventually(async () =>
      expect(await tidyMedia(media.hub.deps)).toEqual({ uploads: 0, halfUploads: 1, strays: 0, outlived: 0 }),
    )
    expect(await media.halfUploads()).toEqual([])
  })

  test('and was left lying expires by a rule of the bucket, when the bucket is of our making', async () => {
    await using media = await startUploads({ UPLOAD_KEEP_DAYS: '3' })
    const rules = JSON.stringify(await storeClient(media.hub).getBucketLifecycle(media.hub.config.S3_BUCKET))
    expect(rules).toContain('uploads/')
    expect(rules).toContain('"Days":3')
    expect(rules).toContain('AbortIncompleteMultipartUpload')
  })

  test('that nobody ever refers to is thrown away, others are not', async () => {
    await using media = await startUploads()
    const { hub } = media
    const [old, fresh, used] = await Promise.all(
      [1, 2, 3].map(async (red) => announceUpload(hub, await photo(red), 'image/jpeg')),
    )
    if (!old || !fresh || !used) throw new Error('three uploads')
    await Promise.all([old.put(), fresh.put(), used.put(await photo(3))])
    await check(media, used.id)
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(
        `update attachments set created_at = now() - interval '25 hours' where tenant_id = $1 and id = any($2)`,
        [hub.tenant.id, [old.id, used.id]],
      ),
    )
    expect(await tidyMedia(hub.deps)).toEqual({ uploads: 1, halfUploads: 0, strays: 0, outlived: 0 })
    await expect(media.row(old.id)).rejects.toThrow('no such attachment')
    expect(new Set(await media.objects())).toEqual(
      new Set([(await media.row(fresh.id)).object_key, (await media.row(used.id)).object_key]),
    )
    expect(await check(media, fresh.id)).not.toBeInstanceOf(Failure)
  })
})
