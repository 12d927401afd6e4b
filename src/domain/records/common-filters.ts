import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { instant } from '../../contract/rest/record-input.ts'
import { severalOf } from '../../contract/rest/several.ts'
import { namePatterns } from '../messages/search-terms.ts'
import type { Bind, Filter, Sort } from './record-kind.ts'

/** A filter whose value its schema gives a type. */
export function filter<Value>(schema: z.ZodType<Value>, where: Filter<Value>['where']): Filter {
  return { schema, where } as unknown as Filter
}

/** A filter that looks something up first, or whose pages may have to be asked about again. */
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

/** One of several values. A single one is compared as such, which lets an index give its rows in its own order. */
export function anyOf<Value>(sql: string, item: z.ZodType<Value>, type: string): Filter {
  return filter(severalOf(item), (values, bind) => isAmong(sql, values, type, bind))
}

/** The condition that something is one of these values. */
export function isAmong(sql: string, values: readonly unknown[], type: string, bind: Bind): string {
  return values.length === 1
    ? `${sql} = ${bind(values[0])}::${type}`
    : `${sql} = any (${bind(values)}::${type}[])`
}

/** One of the given words, or of several of them. */
export function oneOf<const Words extends readonly [string, ...string[]]>(sql: string, words: Words): Filter {
  return anyOf(sql, z.enum(words), 'text')
}

/** The condition that each word of a text is somewhere in what was folded by search_key. */
export function hasWords(folded: string, q: string, bind: Bind): string {
  return `(${namePatterns(q)
    .map((pattern) => `${folded} like search_key(${bind(pattern)})`)
    .join(' and ')})`
}

/**
 * Words that are parts of a text, in whatever order, whatever its case and accents, looked for by walking. `sql` is the text,
 * folded by search_key.
 */
export function containing(sql: string): Filter {
  return lookingUp(z.string().trim().min(1).max(200), (text) => ({
    walk: (bind) => hasWords(sql, text, bind),
  }))
}

/** Nobody's id: records that have it are somebody else's for everybody. */
export const nobody = '00000000-0000-0000-0000-000000000000'

/** Whose records `me` asks for. */
export const idOf = (actor: Actor): string => (actor.kind === 'system' ? nobody : actor.id)

/** The condition that a column has one of these ids; `me` is who asks, `none` nobody. */
export function isOneOrNone(column: string, asked: readonly string[], actor: Actor, bind: Bind): string {
  const ids = asked.filter((who) => who !== 'none').map((who) => (who === 'me' ? idOf(actor) : who))
  const isOne = ids.length === 0 ? [] : [isAmong(column, ids, 'uuid', bind)]
  const isNone = asked.includes('none') ? [`${column} is null`] : []
  return `(${[...isOne, ...isNone].join(' or ')})`
}

/** Users by id; `me` is who asks, `none` nobody. */
export function personIs(column: string): Filter {
  const found = filter(severalOf(z.union([z.enum(['me', 'none']), z.uuid()])), (asked, bind, actor) => {
    return isOneOrNone(column, asked, actor, bind)
  })
  return { ...found, person: column }
}

/** Ids of other records. */
export function refersTo(column: string): Filter {
  return anyOf(column, idText, 'integer')
}

/** An id in a query. */
export const idText = z
  .string()
  .regex(/^[1-9]\d{0,9}$/, 'expected an id')
  .transform(Number)
  .pipe(z.int32())
  .meta({ type: 'integer', minimum: 1, maximum: 2_147_483_647, pattern: undefined })
