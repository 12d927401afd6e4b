import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Storage } from '../../platform/storage.ts'
import { hearersOfImport, type ImportRow } from './import-row.ts'

export interface TidyImportsDeps extends LogDeps {
  readonly storage: Storage
  readonly config: Pick<Config, 'IMPORT_KEEP_DAYS' | 'MEDIA_UPLOAD_SECONDS'>
}

interface Due {
  tenant_id: string
  import_id: string
  files: string[]
  is_over: boolean
}

/**
 * Throws away what is left of imports: the files of those that ended, once nobody can write there any more, and imports that
 * ended, or were announced and never started, more than IMPORT_KEEP_DAYS ago, with what was wrong with their rows. `atMost` of each
 * at a time; the number of imports that it touched. Files go first, so that none is forgotten. Any number of workers may do it at
 * once. Records `import.deleted`. Fails with `unavailable`.
 */
export async function tidyImports(deps: TidyImportsDeps, { atMost }: { atMost: number }): Promise<number> {
  const { rows } = await deps.db.write.query<Due>(
    `select tenant_id, import_id, files, is_over
     from imports_to_tidy(make_interval(days => $1), make_interval(secs => $2), $3)`,
    [deps.config.IMPORT_KEEP_DAYS, deps.config.MEDIA_UPLOAD_SECONDS, atMost],
  )
  for (const [tenantId, due] of Map.groupBy(rows, (row) => row.tenant_id)) {
    for (const file of due.flatMap(({ files }) => files)) await deps.storage.remove(file)
    const ids = (isOver: boolean) => due.filter((row) => row.is_over === isOver).map((row) => row.import_id)
    await inTenant(deps, tenantId, async (tx) => {
      // One that was started in this moment goes on.
      const gone = await tx.query<Pick<ImportRow, 'id' | 'owner_id'>>(
        `delete from imports where tenant_id = $1 and id = any($2) and (finished_at is not null or state = 'awaiting_upload')
         returning id, owner_id`,
        [tenantId, ids(true)],
      )
      for (const row of gone) tx.record('import.deleted', { importId: row.id }, hearersOfImport(row))
      await tx.query(
        'update imports set object_key = null, upload_key = null where tenant_id = $1 and id = any($2) and finished_at is not null',
        [tenantId, ids(false)],
      )
    })
  }
  return rows.length
}
