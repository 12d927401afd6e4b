import { z } from 'zod'

/** Values that one filter of a list takes; a record has to have one of them. */
export const mostFilterValues = 50

/**
 * One or several values of a member of a query: with commas (`status=lead,active`), or given several times. Each counts once.
 * What is wrong with one is said at its place, `/status/1`, or at `/status` when it is the only one.
 */
export function severalOf<Item extends z.ZodType>(item: Item): z.ZodType<z.infer<Item>[]> {
  return z
    .union([z.string(), z.array(z.string())])
    .transform((given, ctx) => {
      const texts = [...new Set([given].flat().flatMap((text) => text.split(',')))]
      if (texts.length > mostFilterValues) {
        ctx.addIssue({ code: 'custom', message: `expected at most ${mostFilterValues} values` })
        return z.NEVER
      }
      return texts.flatMap((text, at): z.infer<Item>[] => {
        const read = item.safeParse(text)
        if (read.success) return [read.data]
        for (const { message } of read.error.issues)
          ctx.addIssue({ code: 'custom', message, path: texts.length === 1 ? [] : [at] })
        return []
      })
    })
    .meta({
      anyOf: undefined,
      type: 'array',
      items: itemSchema(item),
      minItems: 1,
      maxItems: mostFilterValues,
      description: 'One of several, with commas.',
    })
}

/** The item as the documents show it. */
function itemSchema(item: z.ZodType): object {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(item, { io: 'input', unrepresentable: 'any' })
  return schema
}
