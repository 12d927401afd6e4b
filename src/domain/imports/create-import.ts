import { permit } from '../../auth/can.ts'
import { Failure } from '../../contract/errors.ts'
import type { CreatedImport, CreateImportBody } from '../../contract/rest/imports.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Storage } from '../../platform/storage.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { invalid } from '../../http/faults.ts'
import { newUploadKey } from '../media/object-key.ts'
import { fileKinds } from './file-kinds.ts'
import { type ImportRow, importColumns, presentImport, tellImport } from './import-row.ts'

export interface ImportDeps {
  readonly storage: Storage
  readonly config: Pick<Config, 'IMPORT_BYTES' | 'MEDIA_UPLOAD_SECONDS'>
}

const csvType = 'text/csv'

/**
 * Announces a file of records and gives its bringer a signed address for it. Records `import.created`. Size and content are
 * looked at when it is started. Fails with `forbidden`, or `validation_failed` for a key that such records are not found by.
 */
export async function createImport(
  tx: TenantTx,
  deps: ImportDeps,
  by: Doer,
  input: CreateImportBody,
): Promise<CreatedImport> {
  const { actor } = by
  permit(actor, 'record.write')
  const { kind, found } = fileKinds[input.entity]
  permit(actor, kind.rights.write)
  permit(actor, 'import.read')
  if (input.upsertKey !== 'none' && found[input.upsertKey] === undefined)
    throw invalid([
      { in: 'body', pointer: '/upsertKey', message: `${kind.path} are not found by ${input.upsertKey}` },
    ])
  if (actor.kind === 'system') throw new Failure('forbidden')
  const kept = {
    kind: actor.kind,
    name: actor.name,
    role: actor.role,
    scopes: actor.kind === 'key' ? actor.scopes : [],
  }
  const key = newUploadKey(tx.tenantId)
  const [row] = await tx.query<ImportRow>(
    `insert into imports as i (tenant_id, id, entity, mapping, upsert_key, dry_run, object_key, upload_key, owner_id, actor, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10) returning ${importColumns}`,
    [
      tx.tenantId,
      uuidv7(tx.now.getTime()),
      input.entity,
      JSON.stringify(input.mapping),
      input.upsertKey,
      input.dryRun,
      key,
      actor.id,
      JSON.stringify(kept),
      tx.now,
    ],
  )
  if (!row) throw new Error('an import that was just written is not there')
  tellImport(tx, 'import.created', row)
  recordAudit(tx, { by, action: 'import.create', entity: 'import', entityId: row.id, after: input })
  const seconds = deps.config.MEDIA_UPLOAD_SECONDS
  const url = await deps.storage.presignPut(key, seconds)
  const expiresAt = new Date(tx.now.getTime() + seconds * 1000).toISOString()
  return {
    import: presentImport(row),
    upload: { url, method: 'PUT', headers: { 'content-type': csvType }, expiresAt },
  }
}
