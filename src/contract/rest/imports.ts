import { z } from 'zod'
import { importEntities, importView, upsertKeys } from '../crm/import.ts'

/** POST /admin/imports. */
export const createImportBody = z.strictObject({
  entity: z.enum(importEntities),
  /** Columns of the file that are not taken by their name: header to column (`Firma` to `company`), null leaves one out. */
  mapping: z.record(z.string().min(1).max(200), z.string().min(1).max(200).nullable()).default({}),
  upsertKey: z.enum(upsertKeys).default('none'),
  dryRun: z.boolean().default(false),
})
export type CreateImportBody = z.infer<typeof createImportBody>

/** Its answer: where the file goes. Once it is there: POST /admin/imports/:id/start. */
export const createdImport = z.strictObject({
  import: importView,
  upload: z.strictObject({
    url: z.url(),
    method: z.literal('PUT'),
    headers: z.record(z.string(), z.string()),
    expiresAt: z.iso.datetime(),
  }),
})
export type CreatedImport = z.infer<typeof createdImport>
