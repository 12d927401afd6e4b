import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { MediaFetcher } from '../../workers/fetch-media.ts'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { bytes, startFileServer } from './file-server.ts'
import { type MediaHub, startMediaHub } from './media-hub.ts'
import { photo } from './pictures.ts'

const isStored = (media: MediaHub, attachmentId: string) =>
  eventually(async () => expect((await media.row(attachmentId)).state).toBe('stored'))

describe('[MED13] the workers', () => {
  test('fetch a file at once when they are nudged, and without any nudge at their next look', async () => {
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server, { SWEEP_MS: '3000' })
    const { hub } = media
    const workers = startWorkers(hub.deps)
    hub.onClose(() => workers.close())
    await eventually(() => expect(hub.deps.redis.status).toBe('ready'))
    // The first look is over when this one is stored, so what comes next is the nudge's doing.
    const first = await media.receive({ id: 'f1' })
    await isStored(media, first.attachmentId)
    const nudged = await media.receive({ id: 'f2' })
    const startedAt = performance.now()
    await inTenant(hub.deps, hub.tenant.id, async (tx) => {
      tx.nudge('fetch-media', { tenantId: hub.tenant.id, attachmentId: nudged.attachmentId })
    })
    await isStored(media, nudged.attachmentId)
    expect(performance.now() - startedAt).toBeLessThan(2500)
    const lost = await media.receive({ id: 'f3' })
    await isStored(media, lost.attachmentId)
  })

  test('download as many files at once as they may and no more, and come to all of them', async () => {
    const held: ServerResponse[] = []
    await using server = await startFileServer((response) => void held.push(response))
    await using media = await startMediaHub(server, { MEDIA_CONCURRENCY: '2' })
    const { hub } = media
    const fetcher = new MediaFetcher(hub.deps)
    const files = []
    for (let place = 0; place < 5; place += 1) files.push(await media.receive({ id: `f${place}` }))
    expect(await fetcher.sweep()).toBe(5)
    expect(await fetcher.sweep()).toBe(0)
    for (let answered = 0; answered < 5; answered += 1) {
      const expected = Math.min(2, 5 - answered)
      await eventually(() => expect(held).toHaveLength(expected))
      expect(server.asked).toHaveLength(Math.min(answered + 2, 5))
      held.shift()?.end(`file ${answered}`)
    }
    for (const file of files) await isStored(media, file.attachmentId)
    await fetcher.stop()
  })

  test('that stop let the file under way come to its end and begin no other', async () => {
    const held: ServerResponse[] = []
    await using server = await startFileServer((response) => void held.push(response))
    await using media = await startMediaHub(server, { MEDIA_CONCURRENCY: '1' })
    const fetcher = new MediaFetcher(media.hub.deps)
    const first = await media.receive({ id: 'f1' })
    const second = await media.receive({ id: 'f2' })
    await fetcher.sweep()
    await eventually(() => expect(held).toHaveLength(1))
    const stopped = fetcher.stop()
    held[0]?.end('the file')
    await stopped
    expect((await media.row(first.attachmentId)).state).toBe('stored')
    expect((await media.row(second.attachmentId)).state).toBe('pending')
    expect(await fetcher.sweep()).toBe(0)
    expect(server.asked).toHaveLength(1)
  })
})
