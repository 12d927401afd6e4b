import { z } from 'zod'
import { recordBase } from './record.ts'

/** Kinds of records that can have fields of their tenant's own. */
export const customFieldEntities = ['customer', 'contact', 'deal'] as const
export type CustomFieldEntity = (typeof customFieldEntities)[number]

export const customFieldTypes = ['text', 'number', 'currency', 'date', 'list', 'checkbox', 'link'] as const

/** A field that a tenant gave its records; its values are in their `customFields`, under its key. */
export const customFieldView = z.strictObject({
  ...recordBase,
  entity: z.enum(customFieldEntities),
  key: z.string(),
  label: z.string(),
  type: z.enum(customFieldTypes),
  /** What can be chosen, in this order; empty unless it is a list. */
  options: z.array(z.string()),
  required: z.boolean(),
  /** Where it stands among the others, ascending. */
  position: z.number().int(),
})
export type CustomFieldView = z.infer<typeof customFieldView>
