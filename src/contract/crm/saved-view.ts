import { z } from 'zod'
import { recordBase } from './record.ts'

/** Kinds of records whose lists can be saved as views. */
export const savedViewEntities = [
  'customer',
  'contact',
  'deal',
  'activity',
  'note',
  'tag',
  'pipeline',
  'pipeline_stage',
  'custom_field',
] as const
export type SavedViewEntity = (typeof savedViewEntities)[number]

export const savedViewLayouts = ['table', 'board'] as const

/** Filters as the query of the list takes them; several values are the same name several times. */
export const savedFilters = z.record(z.string(), z.union([z.string(), z.array(z.string())]))

/** A list as somebody wants to see it again. What it names can be gone since (a custom field): the list says so then. */
export const savedViewView = z.strictObject({
  ...recordBase,
  entity: z.enum(savedViewEntities),
  name: z.string(),
  /** A user, or a key. */
  ownerId: z.uuid(),
  /** Everybody sees it; else its owner alone. */
  shared: z.boolean(),
  /** `board` is for deals. */
  layout: z.enum(savedViewLayouts),
  filters: savedFilters,
  /** null is the sort that the list has by itself. */
  sort: z.string().nullable(),
  order: z.enum(['asc', 'desc']).nullable(),
  /** Members of the record, or `customFields.<key>`, in their order; none is what the screen shows by itself. */
  columns: z.array(z.string()),
})
export type SavedViewView = z.infer<typeof savedViewView>
