import { createHash } from 'node:crypto'
import { z } from 'zod'
import { invalid } from './faults.ts'

const version = 1
const checkBytes = 6
const longest = 1024

/** Query members of every list, to be spread into its schema: `limit` (1 to `most`, default 50 or `most`) and `cursor`. */
export function paging(config: { readonly LIST_LIMIT: number }, most = config.LIST_LIMIT) {
  return {
    limit: z
      .string()
      .regex(/^\d{1,6}$/, 'expected a whole number')
      .transform(Number)
      .pipe(z.number().min(1).max(most))
      .default(Math.min(50, most))
      .meta({ type: 'integer', minimum: 1, maximum: most, default: Math.min(50, most), pattern: undefined }),
    cursor: z.string().max(longest).optional().describe('`nextCursor` of the page before.'),
  }
}

/**
 * Where a list goes on, as an opaque text: the kind of list, and the values of its sort keys in the last row given. It is
 * no secret and proves nothing (the rows are chosen by the caller's right, whatever it says); the check sum only
 * turns a cut or edited one into a clear error.
 */
export function encodeCursor(kind: string, values: readonly (string | number | null)[]): string {
  const text = JSON.stringify([version, kind, ...values])
  return Buffer.concat([checkOf(text), Buffer.from(text)]).toString('base64url')
}

/** The values of a cursor, in the shape of `schema` (a tuple). Fails with `validation_failed` at `/cursor`. */
export function decodeCursor<Schema extends z.ZodType>(
  kind: string,
  cursor: string,
  schema: Schema,
): z.infer<Schema> {
  const bytes = Buffer.from(cursor, 'base64url')
  const text = bytes.subarray(checkBytes).toString()
  if (bytes.toString('base64url') === cursor && bytes.subarray(0, checkBytes).equals(checkOf(text))) {
    const [writtenVersion, writtenKind, ...values]: unknown[] = JSON.parse(text) as unknown[]
    const parsed = schema.safeParse(values)
    if (writtenVersion === version && writtenKind === kind && parsed.success) return parsed.data
  }
  throw invalid([
    { in: 'query', pointer: '/cursor', message: 'not a cursor of this list; start again without it' },
  ])
}

const checkOf = (text: string): Buffer => createHash('sha256').update(text).digest().subarray(0, checkBytes)

export interface Page<T> {
  readonly data: T[]
  /** null on the last page. */
  readonly nextCursor: string | null
}

/** The answer of a list from `limit + 1` rows read: the extra one only tells that there is more. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => T,
  cursorAfter: (row: Row) => string,
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    data: shown.map(present),
    nextCursor: rows.length > limit && last !== undefined ? cursorAfter(last) : null,
  }
}
