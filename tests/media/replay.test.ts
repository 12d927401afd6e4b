import { describe, expect, test } from 'vitest'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { loadMessages } from '../../src/domain/messages/load-messages.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { expectReplayEqualsSnapshot } from '../harness/replay.ts'
import { bytes, startFileServer } from './file-server.ts'
import { startMediaHub } from './media-hub.ts'
import { photo } from './pictures.ts'

describe('[MED1] what clients know of a file', () => {
  test('is after its events what a fresh snapshot says, stored, failed or to be tried again', async () => {
    await using server = await startFileServer(bytes(await photo(), 'image/jpeg'))
    await using media = await startMediaHub(server)
    const { hub } = media
    const stored = await media.receive({ id: 'f1' }, { fileName: 'shrub.jpg' })
    const failed = await media.receive({ id: 'f2' })
    const later = await media.receive({ id: 'f3' })
    const fetchIt = (attachmentId: string) =>
      fetchAttachment(hub.deps, { tenantId: hub.tenant.id, attachmentId })
    await expectReplayEqualsSnapshot(hub, async () => {
      expect(await fetchIt(stored.attachmentId)).toBe('stored')
      server.serve = bytes(Buffer.alloc(0))
      expect(await fetchIt(failed.attachmentId)).toBe('failed')
      // Why is announced to nobody while it is tried again.
      server.serve = (response) => response.writeHead(503).end()
      expect(await fetchIt(later.attachmentId)).toBe('later')
    })
  })

  test('is never older than the message that it comes with: whoever waited for the message sees the file too', async () => {
    await using media = await startMediaHub({ url: 'http://127.0.0.1:1', host: '127.0.0.1:1' })
    const { deps, tenant } = media.hub
    const { attachmentId, messageId } = await media.receive({ id: 'f1' })
    const locked = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const storing = inTenant(deps, tenant.id, async (tx) => {
      await tx.query('select 1 from messages where tenant_id = $1 and id = $2 for update', [
        tenant.id,
        messageId,
      ])
      locked.resolve()
      await goOn.promise
      await tx.query(`update attachments set state = 'stored' where tenant_id = $1 and id = $2`, [
        tenant.id,
        attachmentId,
      ])
    })
    await locked.promise
    const reacting = inTenant(deps, tenant.id, async (tx) => {
      const asked = loadMessages(tx.query.bind(tx), tenant.id, [messageId], true)
      await media.waitingForLock()
      goOn.resolve()
      return asked
    })
    await storing
    expect((await reacting)[0]?.attachment).toMatchObject({ state: 'stored' })
  })
})
