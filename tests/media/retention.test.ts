import { expect, test } from 'vitest'
import { changeSettings } from '../../src/domain/tenants/change-settings.ts'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { linkMedia } from '../../src/domain/media/link-media.ts'
import { tidyMedia } from '../../src/domain/media/sweep-media.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { asSuperuser } from '../cli/cli.ts'
import { bytes, startFileServer } from './file-server.ts'
import { startMediaHub } from './media-hub.ts'
import { photo } from './pictures.ts'

test('[MED14] a file goes when its tenant keeps it no longer, with its bytes unless another message has the same, and is announced', async () => {
  await using server = await startFileServer(bytes(await photo(), 'image/jpeg'))
  await using media = await startMediaHub(server)
  const { hub } = media
  const { id: tenantId } = hub.tenant
  const files = [await media.receive({ id: 'f1' }), await media.receive({ id: 'f2' })]
  for (const { attachmentId } of files) await fetchAttachment(hub.deps, { tenantId, attachmentId })
  const [older, newer] = files
  const age = (id: string | undefined, days: number) =>
    asSuperuser(hub, (query) =>
      query(`update attachments set stored_at = now() - make_interval(hours => $2) where id = $1`, [
        id,
        days * 24,
      ]),
    )
  const keep = (mediaDays: number | null) =>
    inTenant(hub.deps, tenantId, (tx) =>
      changeSettings(
        tx,
        { actor: { kind: 'system', tenantId, name: 'a test' } },
        { retention: { mediaDays } },
      ),
    )
  const outlived = async () => (await tidyMedia(hub.deps)).outlived
  await age(older?.attachmentId, 31)
  await age(newer?.attachmentId, 29)
  const kept = await media.objects()
  expect(await outlived()).toBe(0)
  await keep(30)
  expect(await outlived()).toBe(1)
  expect((await media.message(older?.messageId ?? '')).media).toMatchObject({ state: 'expired' })
  expect(await media.objects()).toEqual(kept)
  const last = (await media.events()).at(-1)
  expect(last).toMatchObject({ type: 'message.media_failed', data: { message: { id: older?.messageId } } })
  const { actor } = await hub.signIn('admin')
  const link = (id = '') => linkMedia(hub.deps, actor, id, false)
  await expect(link(older?.attachmentId)).rejects.toMatchObject({
    code: 'media_gone',
    details: { reason: 'retention' },
  })
  expect((await link(newer?.attachmentId)).url).toMatch(/^http/)
  await keep(28)
  expect([await outlived(), await outlived()]).toEqual([1, 0])
  expect(await media.objects()).toEqual([])
})
