import { describe, expect, test } from 'vitest'
import { checkUploaded } from '../../src/domain/media/check-uploaded.ts'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { tidyMedia } from '../../src/domain/media/sweep-media.ts'
import { openStorage } from '../../src/platform/storage.ts'
import { eventually } from '../harness/eventually.ts'
import { bytes, endless, startFileServer } from './file-server.ts'
import { type MediaHub, startMediaHub } from './media-hub.ts'
import { ownStore } from './own-store.ts'
import { photo } from './pictures.ts'
import { announceUpload } from './uploads.ts'

const fetchIt = (media: MediaHub, attachmentId: string) =>
  fetchAttachment(media.hub.deps, { tenantId: media.hub.tenant.id, attachmentId })

/** Our own trouble: not one of the file's tries, nothing announced, the text is there. */
async function expectWaiting(
  media: MediaHub,
  received: { attachmentId: string; messageId: string },
): Promise<void> {
  const row = await media.row(received.attachmentId)
  expect(row).toMatchObject({
    state: 'pending',
    attempts: 0,
    claim_token: null,
    reason: 'the object store does not answer',
  })
  expect(Date.parse(row.next_attempt_at ?? '')).toBeGreaterThan(Date.now())
  expect(await media.message(received.messageId)).toMatchObject({
    text: 'a caption',
    media: { state: 'pending' },
  })
  expect((await media.events()).filter((event) => event.type.startsWith('message.media'))).toEqual([])
}

describe('[MED10] while the object store', () => {
  test('is away, files wait without being downloaded, and are fetched when it is back', async () => {
    await using store = await ownStore()
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server, store.environment)
    const received = await media.receive({ id: 'f1' })
    await store.stop()
    expect(await fetchIt(media, received.attachmentId)).toBe('later')
    await expectWaiting(media, received)
    expect(server.asked).toEqual([])

    await store.start()
    await media.dueNow(received.attachmentId)
    expect(await fetchIt(media, received.attachmentId)).toBe('stored')
  })

  test('goes away in the middle of a file, the file waits, and nothing of it is left', async () => {
    await using store = await ownStore()
    await using server = await startFileServer()
    await using media = await startMediaHub(server, store.environment)
    const received = await media.receive({ id: 'f1' })
    const half = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    server.serve = (response) => {
      response.writeHead(200)
      response.write(Buffer.alloc(6 * 1024 * 1024), () => half.resolve())
      void goOn.promise.then(() => response.end(Buffer.alloc(6 * 1024 * 1024)))
    }
    const fetching = fetchIt(media, received.attachmentId)
    await half.promise
    await store.stop()
    goOn.resolve()
    expect(await fetching).toBe('later')
    await expectWaiting(media, received)

    await store.start()
    server.serve = endless(6 * 1024 * 1024)
    await media.dueNow(received.attachmentId)
    expect(await fetchIt(media, received.attachmentId)).toBe('stored')
    await media.hub.deps.storage.abortUploads(0)
    expect(await media.objects()).toHaveLength(1)
    // What could not be cleared up then is looked for once more.
    expect(await tidyMedia(media.hub.deps)).toMatchObject({ strays: 2 })
    expect(await media.objects()).toHaveLength(1)
  })

  test('refuses our key, files wait', async () => {
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server, { S3_SECRET_KEY: 'not-the-secret-key' })
    const received = await media.receive({ id: 'f1' })
    expect(await fetchIt(media, received.attachmentId)).toBe('later')
    await expectWaiting(media, received)
  })

  const troubles: [string, (method: string) => number | null][] = [
    ['is full', (method) => (method === 'HEAD' ? 200 : 507)],
    ['is overloaded', () => 503],
    ['accepts and never answers', () => null],
  ]
  test.each(troubles)('%s, files wait', async (_, statusOf) => {
    await using broken = await startFileServer((response, request) => {
      const status = statusOf(request.method ?? '')
      if (status !== null) response.writeHead(status).end()
    })
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server, { S3_ENDPOINT: broken.url, S3_TIMEOUT_MS: '200' })
    const received = await media.receive({ id: 'f1' })
    expect(await fetchIt(media, received.attachmentId)).toBe('later')
    await expectWaiting(media, received)
  })

  test('is away, senders of uploaded files are told to come back, and nothing is decided about the file', async () => {
    await using store = await ownStore()
    await using server = await startFileServer()
    await using media = await startMediaHub(server, store.environment)
    await media.hub.deps.storage.ready()
    const upload = await announceUpload(media.hub, await photo(), 'image/jpeg')
    await upload.put()
    await store.stop()
    await expect(checkUploaded(media.hub.deps, media.hub.tenant.id, [upload.id])).rejects.toMatchObject({
      code: 'unavailable',
    })
    expect((await media.row(upload.id)).state).toBe('awaiting_upload')
    await store.start()
    // A connection that was kept from before may break first.
    const answers = await eventually(() => checkUploaded(media.hub.deps, media.hub.tenant.id, [upload.id]))
    expect(answers.get(upload.id)).toMatchObject({ id: upload.id, mimeType: 'image/jpeg' })
  })

  test('pauses in the middle of a file that is read, the reader gets an error instead of a part', async () => {
    await using broken = await startFileServer((response) => {
      response.writeHead(200, { 'content-length': 100_000 })
      response.write(Buffer.alloc(70_000))
    })
    await using media = await startMediaHub({ url: 'http://127.0.0.1:1', host: '127.0.0.1:1' })
    const storage = openStorage({ ...media.hub.config, S3_ENDPOINT: broken.url, S3_TIMEOUT_MS: 200 })
    const body = await storage.get('some/key')
    await expect(body.toArray()).rejects.toMatchObject({ code: 'unavailable' })
    storage.close()
  })
})
