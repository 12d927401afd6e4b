import { Failure } from '../../contract/errors.ts'
import { readTenant } from '../../log/read-tenant.ts'
import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { type AttachmentRow, attachmentColumns } from './attachment-row.ts'
import { headBytes, judgeType } from './judge-type.ts'
import type { MediaDeps } from './media-deps.ts'
import { keepObject, noteStrays, reserveObject } from './stray-objects.ts'

/** No metrics and no log, so that every sender has them at hand. */
type CheckDeps = LogDeps &
  Pick<MediaDeps, 'storage'> & { readonly config: Pick<Config, 'MEDIA_BYTES' | 'MEDIA_UPLOAD_SECONDS'> }

/** A file that a message may refer to. */
export interface ReadyMedia {
  readonly id: string
  readonly mimeType: string
  readonly sizeBytes: number
  readonly fileName: string | null
}

/**
 * Whether files that our side uploaded can be sent, by id: ready, or the failure that the sender gets (`not_found`,
 * `media_not_ready` while nothing was uploaded, `media_refused` when it is not what was announced). The first call after an
 * upload looks at what came: the signed address bounds neither size nor type, so both are checked here, on a copy
 * that the address cannot change any more. Talks to the object store: call it outside of any transaction.
 * Fails with `unavailable` when the store is away.
 */
export async function checkUploaded(
  deps: CheckDeps,
  tenantId: string,
  ids: readonly string[],
): Promise<Map<string, ReadyMedia | Failure>> {
  const answers = new Map<string, ReadyMedia | Failure>()
  const rows = new Map((await load(deps, tenantId, ids)).map((row) => [row.id, row]))
  for (const id of new Set(ids)) {
    const row = rows.get(id)
    answers.set(
      id,
      row === undefined ? new Failure('not_found', { mediaId: id }) : await check(deps, tenantId, row),
    )
  }
  return answers
}

function load(deps: CheckDeps, tenantId: string, ids: readonly string[]): Promise<AttachmentRow[]> {
  return readTenant(deps, tenantId, (query) =>
    query<AttachmentRow>(
      `select ${attachmentColumns} from attachments a where a.tenant_id = $1 and a.id = any($2) and a.direction = 'out'`,
      [tenantId, ids],
    ),
  )
}

async function check(deps: CheckDeps, tenantId: string, row: AttachmentRow): Promise<ReadyMedia | Failure> {
  if (row.state === 'stored') return ready(row)
  if (row.state !== 'awaiting_upload' || row.object_key === null)
    return new Failure('media_refused', { mediaId: row.id, reason: row.reason ?? 'it was never uploaded' })
  const upload = row.object_key
  const size = await deps.storage.sizeOf(upload)
  if (size === null) return again(deps, tenantId, row.id)
  const wrongSize = sizeComplaint(size, row.size_bytes, deps.config.MEDIA_BYTES)
  if (wrongSize !== null) return refuse(deps, tenantId, row, wrongSize)

  const key = await reserveObject(deps, tenantId)
  try {
    await deps.storage.copy(upload, key)
  } catch (error) {
    if (error instanceof Failure && error.code === 'not_found') return again(deps, tenantId, row.id)
    throw error
  }
  const looked = await lookAt(deps, key, row).catch(async (error: unknown) => {
    await discard(deps, key)
    throw error
  })
  if (looked.complaint !== null) {
    await discard(deps, key)
    return refuse(deps, tenantId, row, looked.complaint)
  }
  // When this throws it may have been committed all the same, so the copy must stay; if not, the sweep takes it.
  const settled = await settle(deps, tenantId, row, {
    state: 'stored',
    mimeType: looked.mimeType,
    key,
    reason: null,
  })
  await discard(deps, settled === null ? key : upload)
  return settled === null ? again(deps, tenantId, row.id) : ready(settled)
}

/** What came, as nobody can change it any more. */
async function lookAt(
  deps: CheckDeps,
  key: string,
  row: AttachmentRow,
): Promise<{ complaint: string | null; mimeType: string }> {
  const size = (await deps.storage.sizeOf(key)) ?? 0
  const wrongSize = sizeComplaint(size, row.size_bytes, deps.config.MEDIA_BYTES)
  if (wrongSize !== null) return { complaint: wrongSize, mimeType: row.mime_type }
  const { mimeType, fits } = await judgeType(await deps.storage.peek(key, headBytes), row.mime_type)
  return { complaint: fits ? null : `its content is not ${row.mime_type}`, mimeType }
}

/** The row once more, when the upload is not there (any more): somebody else may have looked at it in the same moment. */
async function again(deps: CheckDeps, tenantId: string, id: string): Promise<ReadyMedia | Failure> {
  const [row] = await load(deps, tenantId, [id])
  if (row?.state === 'stored') return ready(row)
  if (row?.state === 'awaiting_upload') return new Failure('media_not_ready', { mediaId: id })
  return new Failure('media_refused', { mediaId: id, reason: row?.reason ?? 'it is gone' })
}

function sizeComplaint(size: number, announced: number | null, limit: number): string | null {
  if (size > limit) return `it has ${size} bytes; at most ${limit} are allowed`
  return size === announced ? null : `it has ${size} bytes; ${announced} were announced`
}

async function refuse(
  deps: CheckDeps,
  tenantId: string,
  row: AttachmentRow,
  reason: string,
): Promise<ReadyMedia | Failure> {
  const settled = await settle(deps, tenantId, row, {
    state: 'failed',
    mimeType: row.mime_type,
    key: null,
    reason,
  })
  if (settled === null) return again(deps, tenantId, row.id)
  if (row.object_key !== null) await discard(deps, row.object_key)
  return new Failure('media_refused', { mediaId: row.id, reason })
}

/**
 * The row as it is now, or null when it no longer waited for its upload. What was uploaded is nobody's from here on, and its address
 * is good for a while yet: it goes when nobody can write there any more.
 */
async function settle(
  deps: CheckDeps,
  tenantId: string,
  { id, object_key: upload }: AttachmentRow,
  to: { state: 'stored' | 'failed'; mimeType: string; key: string | null; reason: string | null },
): Promise<AttachmentRow | null> {
  return inTenant(deps, tenantId, async (tx) => {
    const [row] = await tx.query<AttachmentRow>(
      `update attachments a set state = $3, mime_type = $4, object_key = $5, reason = $6,
              stored_at = case when $3 = 'stored' then $7::timestamptz end
       where a.tenant_id = $1 and a.id = $2 and a.state = 'awaiting_upload' returning ${attachmentColumns}`,
      [tenantId, id, to.state, to.mimeType, to.key, to.reason, tx.now],
    )
    if (!row) return null
    if (to.key !== null) await keepObject(tx, to.key)
    if (upload !== null) await noteStrays(tx, [upload], deps.config.MEDIA_UPLOAD_SECONDS * 1000)
    return row
  })
}

/** Best effort: what stays behind the sweep removes. */
async function discard(deps: CheckDeps, key: string): Promise<void> {
  await deps.storage.remove(key).catch(() => {})
}

function ready(row: AttachmentRow): ReadyMedia {
  return { id: row.id, mimeType: row.mime_type, sizeBytes: row.size_bytes ?? 0, fileName: row.file_name }
}
