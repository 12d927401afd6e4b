import { permit } from '../../auth/can.ts'
import { Failure } from '../../contract/errors.ts'
import type { StartedUpload, StartUploadBody } from '../../contract/rest/media.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { cleanFileName } from './file-name.ts'
import type { MediaDeps } from './media-deps.ts'
import { newUploadKey } from './object-key.ts'

/**
 * Announces a file that the caller is about to upload and gives it a signed address for that. Size and type are looked at
 * when a message refers to it (check-uploaded.ts), because a signed PUT bounds neither. Signing asks no server.
 * Fails with `payload_too_large` above MEDIA_BYTES and `forbidden`.
 */
export async function startUpload(
  tx: TenantTx,
  deps: Pick<MediaDeps, 'config' | 'storage'>,
  by: Doer,
  input: StartUploadBody,
): Promise<StartedUpload> {
  const { actor } = by
  permit(actor, 'media.upload')
  const limit = deps.config.MEDIA_BYTES
  if (input.sizeBytes > limit)
    throw new Failure(
      'payload_too_large',
      { limitBytes: limit },
      { message: `a file may have at most ${limit} bytes` },
    )
  const id = uuidv7(tx.now.getTime())
  const key = newUploadKey(tx.tenantId)
  const fileName = cleanFileName(input.fileName)
  await tx.query(
    `insert into attachments (tenant_id, id, direction, state, mime_type, size_bytes, file_name, object_key, created_by)
     values ($1, $2, 'out', 'awaiting_upload', $3, $4, $5, $6, $7)`,
    [
      tx.tenantId,
      id,
      input.mimeType,
      input.sizeBytes,
      fileName,
      key,
      actor.kind === 'system' ? null : actor.id,
    ],
  )
  const after = { mimeType: input.mimeType, sizeBytes: input.sizeBytes, fileName }
  recordAudit(tx, { by, action: 'media.upload', entity: 'media', entityId: id, after })
  const seconds = deps.config.MEDIA_UPLOAD_SECONDS
  const url = await deps.storage.presignPut(key, seconds)
  const expiresAt = new Date(tx.now.getTime() + seconds * 1000).toISOString()
  return { id, upload: { url, method: 'PUT', headers: { 'content-type': input.mimeType }, expiresAt } }
}
