import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { eventually } from '../harness/eventually.ts'
import { blockedAt, kill as killWorker, killed, lineTo, openSession } from '../harness/killing.ts'
import { startWorkerProcess } from '../harness/worker-process.ts'
import { bytes, startFileServer } from './file-server.ts'
import { kill, startOne } from './killed.ts'
import { type MediaHub, startMediaHub } from './media-hub.ts'
import { photo } from './pictures.ts'

const fetchIt = (media: MediaHub, attachmentId: string) =>
  fetchAttachment(media.hub.deps, { tenantId: media.hub.tenant.id, attachmentId })

describe('[MED2] a worker that is killed', () => {
  test(`${killed('fetch-media', 'before')} asked nobody for anything, and the next one fetches the file`, async () => {
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server, { SWEEP_MS: '200' })
    const { attachmentId, messageId } = await media.receive({ id: 'f1' })
    const holder = await openSession(media.hub)
    await holder.query('begin; lock table attachments in exclusive mode')
    const worker = await startWorkerProcess(media.hub)
    await blockedAt(media.hub, 'select object_key from attachments')
    await killWorker(worker)
    await holder.query('rollback')
    expect(server.asked).toEqual([])
    expect((await media.row(attachmentId)).state).toBe('pending')
    await startWorkerProcess(media.hub)
    await eventually(async () =>
      expect((await media.message(messageId)).media).toMatchObject({ state: 'stored' }),
    )
  }, 60_000)

  test(`${killed('fetch-media', 'after')} leaves a file that is stored, which nobody fetches again`, async () => {
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server, { SWEEP_MS: '200', MEDIA_LEASE_MS: '500' })
    const { attachmentId } = await media.receive({ id: 'f1' })
    const { line, environment } = await lineTo(media.hub, 'DATABASE_URL')
    const answer = line.withholdAnswer(/message\.media_stored[^]*commit\0/)
    const worker = await startWorkerProcess(media.hub, environment)
    await answer.arrived
    await killWorker(worker)
    const [before, asked] = [await media.row(attachmentId), server.asked.length]
    expect(before.state).toBe('stored')
    // Another file is fetched, by who would have taken up the first one again.
    const next = await media.receive({ id: 'f2' })
    await startWorkerProcess(media.hub)
    await eventually(async () => expect((await media.row(next.attachmentId)).state).toBe('stored'))
    expect(server.asked.findLastIndex((path) => path.includes('f1'))).toBeGreaterThanOrEqual(0)
    expect(server.asked.findLastIndex((path) => path.includes('f1'))).toBeLessThan(asked)
    expect(await media.row(attachmentId)).toEqual(before)
    expect(await media.objects()).toEqual(expect.arrayContaining([before.object_key, before.thumbnail_key]))
  }, 60_000)

  test(`${killed('fetch-media', 'between')} in the middle of an upload leaves a file that is pending, and its half upload is cleared by the next worker`, async () => {
    await using server = await startFileServer((response) => {
      response.writeHead(200)
      response.write(Buffer.alloc(11 * 1024 * 1024, 1))
    })
    await using media = await startMediaHub(server, { MEDIA_LEASE_MS: '1500' })
    const { attachmentId, messageId } = await media.receive({ id: 'f1' })
    const worker = startOne(media, 'fetch', attachmentId)
    await eventually(async () => expect(await media.halfUploads()).toHaveLength(1))
    await kill(worker)
    expect((await media.row(attachmentId)).state).toBe('pending')
    expect(await media.objects()).toEqual([])

    server.serve = bytes(await photo())
    // Nobody touches it before the lease of the dead one ran out.
    expect(
      await eventually(async () => {
        const result = await fetchIt(media, attachmentId)
        if (result === 'taken') throw new Error('still leased')
        return result
      }),
    ).toBe('stored')
    expect(await media.halfUploads()).toEqual([])
    const row = await media.row(attachmentId)
    expect(new Set(await media.objects())).toEqual(new Set([row.object_key, row.thumbnail_key]))
    expect((await media.message(messageId)).media).toMatchObject({ state: 'stored' })
  })

  test(`${killed('fetch-media', 'between')} behind the upload leaves no object that nobody knows`, async () => {
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server, { MEDIA_LEASE_MS: '1500' })
    const { attachmentId, messageId } = await media.receive({ id: 'f1' })
    const holder = new pg.Client({ connectionString: media.hub.config.DATABASE_URL })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select from messages where id = $1 for update', [messageId])
    const worker = startOne(media, 'fetch', attachmentId)
    await eventually(async () => expect(await media.objects()).toHaveLength(2))
    await kill(worker)
    await holder.query('rollback')
    await holder.end()
    expect((await media.row(attachmentId)).state).toBe('pending')

    server.serve = bytes(await photo(10))
    expect(
      await eventually(async () => {
        const result = await fetchIt(media, attachmentId)
        if (result === 'taken') throw new Error('still leased')
        return result
      }),
    ).toBe('stored')
    const row = await media.row(attachmentId)
    expect(new Set(await media.objects())).toEqual(new Set([row.object_key, row.thumbnail_key]))
    expect((await media.events()).filter((event) => event.type === 'message.media_stored')).toHaveLength(1)
  })

  test('[MED2] and one that is only slow cannot write the outcome after another took over', async () => {
    const goOn = Promise.withResolvers<void>()
    await using server = await startFileServer((response) => {
      response.writeHead(200)
      response.write('the first half, ')
      void goOn.promise.then(() => response.end('the second half'))
    })
    await using media = await startMediaHub(server)
    const { attachmentId } = await media.receive({ id: 'f1' }, { mimeType: 'text/plain' })
    const slow = fetchIt(media, attachmentId)
    await eventually(() => expect(server.asked).toHaveLength(1))
    await media.expireLease(attachmentId)
    server.serve = bytes(Buffer.from('what the other worker got'))
    expect(await fetchIt(media, attachmentId)).toBe('stored')
    const after = await media.row(attachmentId)
    goOn.resolve()
    expect(await slow).toBe('taken')
    expect(await media.row(attachmentId)).toEqual(after)
    expect(await media.objects()).toEqual([after.object_key])
  })
})
