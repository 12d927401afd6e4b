import { describe, expect, test } from 'vitest'
import { checkUploaded } from '../../src/domain/media/check-uploaded.ts'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { linkMedia } from '../../src/domain/media/link-media.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { openStorage } from '../../src/platform/storage.ts'
import { eventually } from '../harness/eventually.ts'
import { bytes, startFileServer } from './file-server.ts'
import { startMediaHub } from './media-hub.ts'
import { photo } from './pictures.ts'
import { announceUpload } from './uploads.ts'

async function startWithPhoto(more = {}) {
  const server = await startFileServer(bytes(await photo()))
  const media = await startMediaHub(server, more)
  const { hub } = media
  const ana = (await hub.signIn('agent', { sub: 'ana' })).actor
  const ben = (await hub.signIn('agent', { sub: 'ben' })).actor
  const boss = (await hub.signIn('manager')).actor
  if (ana.kind !== 'user') throw new Error('ana is a user')
  const received = await media.receive({ id: 'f1' }, { assigneeId: ana.id, fileName: 'shrub.jpg' })
  await fetchAttachment(hub.deps, { tenantId: hub.tenant.id, attachmentId: received.attachmentId })
  return {
    media,
    hub,
    ana,
    ben,
    boss,
    received,
    link: (actor: typeof ana | typeof ben, thumbnail = false) =>
      linkMedia(hub.deps, actor, received.attachmentId, thumbnail),
    [Symbol.asyncDispose]: async () => {
      await media[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

describe('[MED12] the address of a file', () => {
  test('is given to whoever may read its conversation now, and to nobody else', async () => {
    await using it = await startWithPhoto()
    const own = await it.link(it.ana)
    expect(own).toMatchObject({
      mimeType: 'image/jpeg',
      disposition: 'inline',
      fileName: 'shrub.jpg',
      sizeBytes: (await photo()).length,
    })
    const response = await fetch(own.url)
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('private, max-age=300')
    expect(Buffer.from(await response.arrayBuffer())).toEqual(await photo())
    await expect(it.link(it.boss)).resolves.toBeDefined()
    await expect(it.link(it.ben)).rejects.toMatchObject({ code: 'not_found' })
    await expect(it.link(it.ben, true)).rejects.toMatchObject({ code: 'not_found' })
  })

  test('is refused from the moment that the right is gone', async () => {
    await using it = await startWithPhoto()
    await it.link(it.ana)
    if (it.ben.kind !== 'user') throw new Error('ben is a user')
    const benId = it.ben.id
    await inTenant(it.hub.deps, it.hub.tenant.id, (tx) =>
      tx.query('update conversations set assignee_id = $3 where tenant_id = $1 and id = $2', [
        it.hub.tenant.id,
        it.received.conversationId,
        benId,
      ]),
    )
    await expect(it.link(it.ana)).rejects.toMatchObject({ code: 'not_found' })
    await expect(it.link(it.ben)).resolves.toBeDefined()
  })

  test('of another tenant does not exist, just like one that was never given', async () => {
    await using it = await startWithPhoto()
    const other = await it.hub.addTenant('other')
    const { actor } = await it.hub.signIn('admin', { tenant: other.slug, sub: 'stranger' })
    const refusals = await Promise.all(
      [it.received.attachmentId, '0197b6e0-0000-7000-8000-000000000001', 'no id'].map((id) =>
        linkMedia(it.hub.deps, actor, id, false).catch((error: unknown) => error),
      ),
    )
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ code: 'not_found' })
      expect(refusal).toHaveProperty('details', {})
    }
  })

  test('cannot be altered, and says nothing of other files', async () => {
    await using it = await startWithPhoto()
    const { url } = await it.link(it.ana)
    const altered: [string, (address: URL) => void][] = [
      ['the file', (address) => (address.pathname = `${address.pathname}.thumbnail`)],
      ['the type', (address) => address.searchParams.set('response-content-type', 'text/html')],
      ['the disposition', (address) => address.searchParams.set('response-content-disposition', 'inline')],
      ['the life', (address) => address.searchParams.set('X-Amz-Expires', '604800')],
      ['the signature', (address) => address.searchParams.set('X-Amz-Signature', 'a'.repeat(64))],
      ['without signature', (address) => (address.search = '')],
    ]
    for (const [what, alter] of altered) {
      const address = new URL(url)
      alter(address)
      expect((await fetch(address)).status, what).toBe(403)
    }
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403)
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403)
  })

  test('lives as long as it says and no longer, five minutes at most', async () => {
    await using it = await startWithPhoto({ MEDIA_LINK_SECONDS: '1' })
    const link = await it.link(it.ana)
    expect((await fetch(link.url)).status).toBe(200)
    await eventually(async () => expect((await fetch(link.url)).status).toBe(403), 5000)
    expect(Date.now()).toBeLessThan(Date.parse(link.expiresAt) + 3000)
    await expect(
      startMediaHub({ url: 'http://127.0.0.1:1', host: 'x' }, { MEDIA_LINK_SECONDS: '301' }),
    ).rejects.toThrow('MEDIA_LINK_SECONDS')
  })

  test('is on the host that browsers know, under the path of its proxy', async () => {
    await using it = await startWithPhoto()
    const storage = openStorage({ ...it.hub.config, S3_PUBLIC_URL: 'https://files.example.com/store' })
    const as = { mimeType: 'image/png', disposition: 'inline' }
    const url = new URL(await storage.presignGet('some/key', 60, as))
    expect(`${url.origin}${url.pathname}`).toBe(
      `https://files.example.com/store/${it.hub.config.S3_BUCKET}/some/key`,
    )
    storage.close()
  })

  test('says what is the matter while there is no file', async () => {
    await using server = await startFileServer((response) => response.writeHead(410).end())
    await using media = await startMediaHub(server)
    const { actor } = await media.hub.signIn('admin')
    const { attachmentId } = await media.receive({ id: 'f1' })
    await expect(linkMedia(media.hub.deps, actor, attachmentId, false)).rejects.toMatchObject({
      code: 'media_not_ready',
    })
    await fetchAttachment(media.hub.deps, { tenantId: media.hub.tenant.id, attachmentId })
    await expect(linkMedia(media.hub.deps, actor, attachmentId, false)).rejects.toMatchObject({
      code: 'media_gone',
      details: { state: 'expired', reason: 'the file server answered 410' },
    })
  })

  test('of an upload is for its uploader alone until a message refers to it', async () => {
    await using it = await startWithPhoto()
    const upload = await announceUpload(it.hub, await photo(), 'image/jpeg')
    await upload.put()
    await checkUploaded(it.hub.deps, it.hub.tenant.id, [upload.id])
    await expect(linkMedia(it.hub.deps, upload.actor, upload.id, false)).resolves.toBeDefined()
    await expect(linkMedia(it.hub.deps, it.ana, upload.id, false)).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(linkMedia(it.hub.deps, it.boss, upload.id, false)).rejects.toMatchObject({
      code: 'not_found',
    })
    await inTenant(it.hub.deps, it.hub.tenant.id, (tx) =>
      tx.query('update messages set attachment_id = $3 where tenant_id = $1 and id = $2', [
        it.hub.tenant.id,
        it.received.messageId,
        upload.id,
      ]),
    )
    await expect(linkMedia(it.hub.deps, it.ana, upload.id, false)).resolves.toBeDefined()
    await expect(linkMedia(it.hub.deps, upload.actor, upload.id, false)).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})
