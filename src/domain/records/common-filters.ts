import { z } from 'zod'
import { instant } from '../../contract/rest/record-input.ts'
import { contactLike } from '../messages/search-terms.ts'
import type { Filter, Sort } from './record-kind.ts'

/** A filter whose value its schema gives a type. */
export function filter<Value>(schema: z.ZodType<Value>, where: Filter<Value>['where']): Filter {
  return { schema, where } as unknown as Filter
}

/** A filter that looks something up first. */
export function lookingUp<Value>(schema: z.ZodType<Value>, where: Filter<Value>['where']): Filter {
  return { ...filter(schema, where), looksUp: true }
}

const from = (column: string) => filter(instant, (value, bind) => `${column} >= ${bind(value)}::timestamptz`)
const to = (column: string) => filter(instant, (value, bind) => `${column} < ${bind(value)}::timestamptz`)

/** When a record was made and last changed, from an instant on and up to one. */
export const timeFilters = {
  createdFrom: from('r.created_at'),
  createdTo: to('r.created_at'),
  updatedFrom: from('r.updated_at'),
  updatedTo: to('r.updated_at'),
} satisfies Record<string, Filter>

export const timeSorts = {
  createdAt: { sql: 'r.created_at', type: 'timestamptz', order: 'desc' },
  updatedAt: { sql: 'r.updated_at', type: 'timestamptz', order: 'desc' },
} satisfies Record<string, Sort>

/** One of the given words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(sql: string, words: Words): Filter {
  return filter(z.enum(words), (word, bind) => `${sql} = ${bind(word)}`)
}

/** Part of a text, whatever its case and accents. `sql` is what it is looked for in, folded by search_key. */
export function containing(sql: string): Filter {
  return filter(
    z.string().trim().min(1).max(200),
    (text, bind) => `${sql} like search_key(${bind(contactLike(text))})`,
  )
}

/** A user by id; `me` is who asks, `none` nobody. */
export function personIs(column: string): Filter {
  const found = filter(z.union([z.enum(['me', 'none']), z.uuid()]), (who, bind, me) =>
    who === 'none' ? `${column} is null` : `${column} = ${bind(who === 'me' ? me : who)}::uuid`,
  )
  return { ...found, person: column }
}

/** The id of another record. */
export function refersTo(column: string): Filter {
  return filter(idText, (id, bind) => `${column} = ${bind(id)}::integer`)
}

/** An id in a query. */
export const idText = z
  .string()
  .regex(/^[1-9]\d{0,9}$/, 'expected an id')
  .transform(Number)
  .pipe(z.int32())
  .meta({ type: 'integer', minimum: 1, maximum: 2_147_483_647, pattern: undefined })
