import { z } from 'zod'
import { isFoundByTrigrams, namePatterns } from '../messages/search-terms.ts'
import { hasWords, lookingUp } from './common-filters.ts'
import type { Bind, Filter } from './record-kind.ts'

/** Two ways to the records with a text in them. */
export interface Ways {
  /** A statement that gives at most so many of their ids. */
  readonly find: (most: number, bind: Bind) => string
  /** The condition on `r` that says the same; no IN or EXISTS in it, which would be answered for the whole table at once. */
  readonly walk: (bind: Bind) => string
}

/** Matches that are looked up one by one; when there are more, a walk along the list's own order finds a page of them soon. */
const fewMatches = 10_000

/**
 * A text, each word of which is part of a record, in whatever order, whatever the case and accents. At most one statement
 * more than the list, by the index of trigrams.
 */
export function matching(waysOf: (q: string) => Ways): Filter {
  return lookingUp(z.string().trim().min(1).max(200), async (q, bind, _me, query) => {
    const { find, walk } = waysOf(q)
    if (!isFoundByTrigrams(q)) return { walk }
    const values: unknown[] = []
    const found = find(fewMatches + 1, (value) => `$${values.push(value)}`)
    // The ids go back as the text that they came in.
    const [all] = await query<{ count: number; ids: string | null }>(
      `select count(*), array_agg(f.record_id)::text as ids from (${found}) f`,
      values,
    )
    return all === undefined || all.count > fewMatches
      ? { walk }
      : `r.id = any (${bind(all.ids ?? '{}')}::integer[])`
  })
}

/** Ways by the `search_text` of a table that match_records knows: all words of the text, or one of the other patterns. */
export function bySearchText(
  table: 'customers' | 'deals' | 'activities',
  q: string,
  others: readonly string[] = [],
): Ways {
  return {
    find: (most, bind) =>
      `select record_id from match_records('${table}', ${bind(namePatterns(q))}::text[], ${bind(others)}::text[], true, null, ${most})`,
    walk: (bind) =>
      [
        hasWords('r.search_text', q, bind),
        ...others.map((other) => `r.search_text like ${bind(other)}`),
      ].join(' or '),
  }
}
