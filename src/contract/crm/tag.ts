import { z } from 'zod'
import { recordBase } from './record.ts'

export const tagView = z.strictObject({
  ...recordBase,
  name: z.string(),
  /** `#rrggbb`. */
  color: z.string().nullable(),
})
export type TagView = z.infer<typeof tagView>
