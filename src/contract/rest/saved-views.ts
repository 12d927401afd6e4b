import { z } from 'zod'
import { savedFilters, savedViewEntities, savedViewLayouts } from '../crm/saved-view.ts'
import { positionText } from '../position.ts'
import { line } from './record-input.ts'

const sort = z.string().min(1).max(100).nullable()
const order = z.enum(['asc', 'desc']).nullable()
const columns = z
  .array(z.string().min(1).max(100))
  .max(500)
  .refine((all) => new Set(all).size === all.length, 'each only once')

/** POST and PUT. The entity is for good. What filters, sort and columns can be is for the list of that entity to say. */
export const wholeSavedView = z.strictObject({
  entity: z.enum(savedViewEntities),
  name: line(120),
  shared: z.boolean().default(false),
  layout: z.enum(savedViewLayouts).default('table'),
  filters: savedFilters.default({}),
  sort: sort.default(null),
  order: order.default(null),
  columns: columns.default([]),
})

/** PATCH. `filters` and `columns` are all of them. */
export const savedViewPart = z.strictObject({
  name: line(120).optional(),
  shared: z.boolean().optional(),
  layout: z.enum(savedViewLayouts).optional(),
  filters: savedFilters.optional(),
  sort: sort.optional(),
  order: order.optional(),
  columns: columns.optional(),
})

/** The view that a list begins with. It may be one that is not there any more, or not for these eyes: then it counts as none. */
export const defaultView = z.strictObject({
  entity: z.enum(savedViewEntities),
  viewId: z.number().int(),
})

/** GET /admin/me/default-views: of all lists that begin with one, as of `position`. */
export const defaultViews = z.strictObject({ data: z.array(defaultView), position: positionText })
export type DefaultViews = z.infer<typeof defaultViews>

/** PUT /admin/me/default-views/:entity; null is none. */
export const defaultViewBody = z.strictObject({ viewId: z.int32().positive().nullable() })
