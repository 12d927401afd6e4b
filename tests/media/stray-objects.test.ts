import { Readable } from 'node:stream'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import type { CreatedImport } from '../../src/contract/rest/imports.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { checkUploaded } from '../../src/domain/media/check-uploaded.ts'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { keepObject, removeStrays, reserveObject } from '../../src/domain/media/stray-objects.ts'
import { tidyMedia } from '../../src/domain/media/sweep-media.ts'
import { eventually } from '../harness/eventually.ts'
import { startRestOf } from '../harness/rest-client.ts'
import { bytes, startFileServer } from './file-server.ts'
import { kill, startOne } from './killed.ts'
import { type MediaHub, startMediaHub } from './media-hub.ts'
import { ownStore } from './own-store.ts'
import { photo } from './pictures.ts'
import { announceUpload } from './uploads.ts'

const nobody = { url: 'http://127.0.0.1:1', host: '127.0.0.1:1' }

const fetchIt = (media: MediaHub, attachmentId: string) =>
  fetchAttachment(media.hub.deps, { tenantId: media.hub.tenant.id, attachmentId })

/** Somebody holds rows, so that whoever comes to write them waits. */
async function holding(media: MediaHub, statement: string, id: string) {
  const holder = new pg.Client({ connectionString: media.hub.config.DATABASE_URL })
  await holder.connect()
  await holder.query('begin')
  await holder.query(statement, [id])
  return async () => {
    await holder.query('rollback')
    await holder.end()
  }
}

describe('[MED15] nothing stays in the store that no row names', () => {
  test('when a process is killed between the copy of an upload and its commit', async () => {
    await using media = await startMediaHub(nobody)
    const { deps, tenant } = media.hub
    await deps.storage.ready()
    const upload = await announceUpload(media.hub, await photo(), 'image/jpeg')
    await upload.put()
    const letGo = await holding(media, 'select from attachments where id = $1 for update', upload.id)
    const child = startOne(media, 'check', upload.id)
    await media.waitingForLock()
    expect(await media.objects()).toHaveLength(2)
    await kill(child)
    await letGo()
    // What is being copied now looks the same, so it has its time.
    expect(await tidyMedia(deps)).toMatchObject({ strays: 0 })
    await media.straysDueNow()
    expect(await tidyMedia(deps)).toMatchObject({ strays: 1 })
    expect(await media.objects()).toEqual([(await media.row(upload.id)).object_key])
    const checked = await checkUploaded(deps, tenant.id, [upload.id])
    expect(checked.get(upload.id)).toMatchObject({ id: upload.id })
    await media.straysDueNow()
    await tidyMedia(deps)
    expect(await media.objects()).toEqual([(await media.row(upload.id)).object_key])
  })

  test('when somebody uploads once more what was looked at', async () => {
    await using media = await startMediaHub(nobody)
    const { deps, tenant } = media.hub
    await deps.storage.ready()
    const upload = await announceUpload(media.hub, await photo(), 'image/jpeg')
    await upload.put()
    await checkUploaded(deps, tenant.id, [upload.id])
    await upload.put()
    expect(await media.objects()).toHaveLength(2)
    // The address is good for a while yet.
    expect(await tidyMedia(deps)).toMatchObject({ strays: 0 })
    await media.straysDueNow()
    expect(await tidyMedia(deps)).toMatchObject({ strays: 1 })
    expect(await media.objects()).toEqual([(await media.row(upload.id)).object_key])
  })

  test('when the store goes away before the copy of an equal file is removed', async () => {
    await using store = await ownStore()
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server, store.environment)
    const first = await media.receive({ id: 'f1' })
    expect(await fetchIt(media, first.attachmentId)).toBe('stored')
    const second = await media.receive({ id: 'f2' })
    const letGo = await holding(media, 'select from messages where id = $1 for update', second.messageId)
    const fetching = fetchIt(media, second.attachmentId)
    await media.waitingForLock()
    expect(await media.objects()).toHaveLength(4)
    await store.stop()
    await letGo()
    expect(await fetching).toBe('stored')
    await store.start()
    expect(await media.objects()).toHaveLength(4)
    expect(await tidyMedia(media.hub.deps)).toMatchObject({ strays: 2 })
    const { object_key: key, thumbnail_key: thumbnail } = await media.row(second.attachmentId)
    expect(new Set(await media.objects())).toEqual(new Set([key, thumbnail]))
  })

  test('when a worker that lost its claim goes on writing and is killed then', async () => {
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server)
    const { attachmentId, messageId } = await media.receive({ id: 'f1' })
    const letGo = await holding(media, 'select from messages where id = $1 for update', messageId)
    const child = startOne(media, 'fetch', attachmentId)
    await eventually(async () => expect(await media.objects()).toHaveLength(2))
    const slow = (await media.row(attachmentId)).object_key ?? ''
    await kill(child)
    await letGo()
    await media.expireLease(attachmentId)
    expect(await fetchIt(media, attachmentId)).toBe('stored')
    // As if it had been in the middle of it when the other one cleared up.
    await media.hub.deps.storage.put(slow, Readable.from([Buffer.from('late')]), 'image/jpeg')
    expect(await media.objects()).toHaveLength(3)
    expect(await tidyMedia(media.hub.deps)).toMatchObject({ strays: 0 })
    await media.straysDueNow()
    await tidyMedia(media.hub.deps)
    expect(await media.objects()).not.toContain(slow)
    expect(await media.objects()).toHaveLength(2)
  })

  test('when the start of an import is asked for several times at once', async () => {
    await using media = await startMediaHub(nobody)
    const { hub } = media
    await hub.deps.storage.ready()
    const rest = await startRestOf(hub)
    const { token } = await hub.signIn('manager')
    const made = await rest.call<{ data: CreatedImport }>('POST', '/admin/imports', {
      token,
      json: { entity: 'customer' },
    })
    const { import: started, upload } = made.body.data
    await fetch(upload.url, { method: upload.method, headers: upload.headers, body: 'name\nZoe\n' })
    const start = () => rest.call('POST', `/admin/imports/${started.id}/start`, { token })
    const letGo = await holding(media, 'select from imports where id = $1 for update', started.id)
    const starts = [start(), start(), start(), start()]
    await eventually(async () => expect(await media.objects()).toHaveLength(5))
    await letGo()
    expect((await Promise.all(starts)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
    await media.straysDueNow()
    expect(await tidyMedia(hub.deps)).toMatchObject({ strays: 3 })
    // What the browser wrote, and the copy that the import reads.
    expect(await media.objects()).toHaveLength(2)
  })

  test('and what the sweep has removed is not named any more', async () => {
    await using media = await startMediaHub(nobody)
    const { deps, tenant } = media.hub
    await deps.storage.ready()
    const [kept, late] = [await reserveObject(deps, tenant.id), await reserveObject(deps, tenant.id)]
    for (const key of [kept, late])
      await deps.storage.put(key, Readable.from([Buffer.from('bytes')]), 'text/plain')
    await inTenant(deps, tenant.id, (tx) => keepObject(tx, kept))
    await media.straysDueNow()
    expect(await removeStrays(deps)).toBe(1)
    expect(await media.objects()).toEqual([kept])
    await expect(inTenant(deps, tenant.id, (tx) => keepObject(tx, late))).rejects.toMatchObject({
      code: 'unavailable',
    })
  })
})
