import { z } from 'zod'

export const importStates = ['awaiting_upload', 'queued', 'running', 'done', 'failed', 'cancelled'] as const
/** Kinds of records that can be brought in a file. */
export const importEntities = ['customer', 'contact', 'deal'] as const
/** How a row finds the record that it changes; `none` always makes a new one. */
export const upsertKeys = ['email', 'phone', 'id', 'none'] as const

/** A file of records that somebody brought, and how far it is. */
export const importView = z.strictObject({
  id: z.uuid(),
  entity: z.enum(importEntities),
  state: z.enum(importStates),
  upsertKey: z.enum(upsertKeys),
  /** Nothing is written; the counts say what would be. */
  dryRun: z.boolean(),
  /** Who brought it: a user, or a key. */
  ownerId: z.uuid(),
  /** Rows of the file below its header; null until they were counted. */
  rowsTotal: z.number().int().nullable(),
  /** Rows behind it: the sum of the four below. */
  rowsDone: z.number().int(),
  created: z.number().int(),
  updated: z.number().int(),
  unchanged: z.number().int(),
  failed: z.number().int(),
  /** Why it failed as a whole. */
  reason: z.string().nullable(),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
})
export type ImportView = z.infer<typeof importView>
