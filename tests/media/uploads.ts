import { startUpload } from '../../src/domain/media/start-upload.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Hub } from '../harness/hub.ts'

/** Announces a file as an agent does; `put` then sends these bytes, or others, as a browser does. */
export async function announceUpload(
  hub: Hub,
  file: Uint8Array,
  mimeType: string,
  more: { sizeBytes?: number; fileName?: string } = {},
) {
  const { actor } = await hub.signIn('agent')
  const input = { mimeType, sizeBytes: more.sizeBytes ?? file.length, fileName: more.fileName ?? 'file.bin' }
  const { id, upload } = await inTenant(hub.deps, hub.tenant.id, (tx) =>
    startUpload(tx, hub.deps, { actor }, input),
  )
  return {
    id,
    upload,
    actor,
    put: async (body: Uint8Array = file): Promise<number> => {
      const response = await fetch(upload.url, {
        method: upload.method,
        headers: upload.headers,
        body: new Uint8Array(body),
      })
      await response.body?.cancel()
      return response.status
    },
  }
}
