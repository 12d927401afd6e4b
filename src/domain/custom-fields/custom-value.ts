import { z } from 'zod'
import type { CustomFieldView } from '../../contract/crm/custom-field.ts'
import { day } from '../../contract/crm/record.ts'
import { currencyCode, line } from '../../contract/rest/record-input.ts'

/** What a field takes and how it is kept, by its type; a list takes one of its options. */
const shapes: Readonly<Record<Exclude<CustomFieldView['type'], 'list'>, z.ZodType>> = {
  text: line(2000),
  number: z.number(),
  /** Minor units, as everywhere. */
  currency: z.strictObject({ valueMinor: z.int(), currency: currencyCode }),
  date: day,
  checkbox: z.boolean(),
  link: z.url({ protocol: /^https?$/ }).max(2000),
}

/** A value as it is kept, or what is wrong with it. */
export function readCustomValue(
  { type, options }: Pick<CustomFieldView, 'type' | 'options'>,
  value: unknown,
): { readonly value: unknown } | { readonly message: string } {
  if (type === 'list')
    return typeof value === 'string' && options.includes(value)
      ? { value }
      : { message: 'not one of the options of this field' }
  const parsed = shapes[type].safeParse(value)
  if (parsed.success) return { value: parsed.data }
  const [issue] = parsed.error.issues
  return { message: [...(issue?.path ?? []), issue?.message].join(' ') }
}
