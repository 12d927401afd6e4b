import { createHash, randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { openAttachment } from '../../src/domain/media/open-attachment.ts'
import { bytes, endless, startFileServer } from './file-server.ts'
import { type MediaHub, startMediaHub } from './media-hub.ts'
import { photo } from './pictures.ts'

const fetchIt = (media: MediaHub, attachmentId: string) =>
  fetchAttachment(media.hub.deps, { tenantId: media.hub.tenant.id, attachmentId })

async function stored(media: MediaHub, attachmentId: string): Promise<Buffer> {
  const file = await openAttachment(media.hub.deps, media.hub.tenant.id, attachmentId)
  return buffer(await file.open())
}

describe('a file of a customer', () => {
  test('[MED1] is stored as it is, announced with its whole message, and gets a thumbnail', async () => {
    await using server = await startFileServer(bytes(await photo(), 'image/jpeg'))
    await using media = await startMediaHub(server)
    const { attachmentId, messageId } = await media.receive({ id: 'f1' }, { fileName: 'shrub.jpg' })

    expect(await fetchIt(media, attachmentId)).toBe('stored')

    const row = await media.row(attachmentId)
    expect(row).toMatchObject({
      state: 'stored',
      mime_type: 'image/jpeg',
      claim_token: null,
      next_attempt_at: null,
      reason: null,
    })
    expect(row.sha256).toBe(
      createHash('sha256')
        .update(await photo())
        .digest('hex'),
    )
    expect(row.size_bytes).toBe((await photo()).length)
    expect(row.object_key).toMatch(new RegExp(`^${media.hub.tenant.id}/\\d{4}/\\d\\d/[0-9a-f-]{36}$`))
    expect(await stored(media, attachmentId)).toEqual(await photo())
    const thumbnail = await sharp(
      await buffer(await media.hub.deps.storage.get(row.thumbnail_key ?? '')),
    ).metadata()
    expect(thumbnail).toMatchObject({ format: 'webp', width: 320, height: 240 })

    const last = (await media.events()).at(-1)
    expect(last?.type).toBe('message.media_stored')
    expect(last?.data).toEqual({ message: await media.message(messageId) })
    expect(JSON.stringify(last)).not.toContain(row.object_key)
    expect((await media.message(messageId)).media).toMatchObject({ state: 'stored', hasThumbnail: true })
  })

  test('[MED1] is fetched once however many workers are asked for it at once', async () => {
    await using server = await startFileServer(bytes(await photo(), 'image/jpeg'))
    await using media = await startMediaHub(server)
    const { attachmentId } = await media.receive({ id: 'f1' })
    const results = await Promise.all(Array.from({ length: 8 }, () => fetchIt(media, attachmentId)))
    expect(results.filter((result) => result === 'stored')).toHaveLength(1)
    expect(results.filter((result) => result === 'taken')).toHaveLength(7)
    expect(server.asked).toHaveLength(1)
    expect((await media.events()).filter((event) => event.type === 'message.media_stored')).toHaveLength(1)
  })

  test('[MED5] that is equal to another one of the tenant is kept once, also when both arrive in the same moment', async () => {
    await using server = await startFileServer(bytes(await photo(), 'image/jpeg'))
    await using media = await startMediaHub(server)
    const files = await Promise.all(
      Array.from({ length: 6 }, (_, place) => media.receive({ id: `f${place}` })),
    )
    const results = await Promise.all(files.map((file) => fetchIt(media, file.attachmentId)))
    expect(results).toEqual(Array(6).fill('stored'))
    const rows = await Promise.all(files.map((file) => media.row(file.attachmentId)))
    expect(new Set(rows.map((row) => row.object_key)).size).toBe(1)
    expect(new Set(rows.map((row) => row.thumbnail_key)).size).toBe(1)
    expect(new Set(await media.objects())).toEqual(new Set([rows[0]?.object_key, rows[0]?.thumbnail_key]))
    expect((await media.events()).filter((event) => event.type === 'message.media_stored')).toHaveLength(6)
  })

  test('[MED5] of another tenant is never shared', async () => {
    await using server = await startFileServer(bytes(Buffer.from('same bytes, two tenants')))
    await using media = await startMediaHub(server)
    const other = await media.hub.addTenant()
    const { attachmentId } = await media.receive({ id: 'f1' })
    await fetchIt(media, attachmentId)
    expect(await fetchAttachment(media.hub.deps, { tenantId: other.id, attachmentId })).toBe('taken')
  })

  test('[MED3] of 12 MB goes in and out as it is, and one of 96 MB with memory for a few parts of it', async () => {
    const large = randomBytes(12 * 1024 * 1024)
    await using server = await startFileServer(bytes(large))
    await using media = await startMediaHub(server)
    const first = await media.receive({ id: 'f1' }, { mimeType: 'application/zip' })
    expect(await fetchIt(media, first.attachmentId)).toBe('stored')
    expect(large.equals(await stored(media, first.attachmentId))).toBe(true)

    server.serve = endless(96 * 1024 * 1024, randomBytes(32))
    const second = await media.receive({ id: 'f2' }, { mimeType: 'application/zip' })
    const before = process.memoryUsage().rss
    let peak = before
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }, 5)
    expect(await fetchIt(media, second.attachmentId)).toBe('stored')
    const opened = await openAttachment(media.hub.deps, media.hub.tenant.id, second.attachmentId)
    const hash = createHash('sha256')
    for await (const chunk of await opened.open()) hash.update(chunk as Buffer)
    clearInterval(watch)
    expect(hash.digest('hex')).toBe((await media.row(second.attachmentId)).sha256)
    const grownMiB = (peak - before) / 1024 / 1024
    console.log(`96 MB in and out: memory grew by at most ${grownMiB.toFixed(0)} MiB`)
    // The file is 96; what was let go of is collected late where other processes want the processors.
    expect(grownMiB).toBeLessThan(90)
  })
})
