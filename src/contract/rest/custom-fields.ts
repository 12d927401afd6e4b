import { z } from 'zod'
import { customFieldEntities, customFieldTypes } from '../crm/custom-field.ts'
import { line } from './record-input.ts'

const key = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, 'expected a name such as contract_end: lower-case letters, digits and _')
const options = z
  .array(line(200))
  .max(200)
  .refine((all) => new Set(all).size === all.length, 'each only once')
const position = z.int().min(0).max(1_000_000)

/** POST and PUT. Entity, key and type are for good; options are for lists. */
export const wholeCustomField = z.strictObject({
  entity: z.enum(customFieldEntities),
  key,
  label: line(120),
  type: z.enum(customFieldTypes),
  options: options.default([]),
  required: z.boolean().default(false),
  position: position.default(0),
})

/** PATCH. */
export const customFieldPart = z.strictObject({
  label: line(120).optional(),
  options: options.optional(),
  required: z.boolean().optional(),
  position: position.optional(),
})

/** Values in a record, by key; null and blank text are nothing. What a key takes is for its definition to say. */
const values = z.record(z.string(), z.unknown())

/** POST and PUT: all of them. What is left out is empty. */
export const wholeCustomValues = values.default({})

/**
 * PATCH: those that are to change; null takes one away, and what is not named stays. So it goes on under another name than the
 * whole.
 */
export function patchesCustomValues<Shape extends z.ZodRawShape>(part: z.ZodObject<Shape>) {
  return part.extend({ customFields: values.optional() }).transform((given) => {
    const { customFields, ...members } = given as { customFields?: Record<string, unknown> }
    return (customFields === undefined ? members : { ...members, customFieldsPatch: customFields }) as Record<
      string,
      unknown
    >
  })
}
