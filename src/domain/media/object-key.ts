import { randomUUID } from 'node:crypto'
import { uploadPrefix } from '../../platform/storage.ts'

/** A new place in the store: `tenant/2026/07/random`. Never told to anybody but in a signed address. */
export function newObjectKey(tenantId: string, now: Date): string {
  const month = now.toISOString().slice(0, 7).replace('-', '/')
  return `${tenantId}/${month}/${randomUUID()}`
}

/** Where a browser writes what nobody has looked at yet. */
export function newUploadKey(tenantId: string): string {
  return `${uploadPrefix}${tenantId}/${randomUUID()}`
}

/** Where the thumbnail of an object is. */
export function thumbnailKeyOf(key: string): string {
  return `${key}.thumbnail`
}
