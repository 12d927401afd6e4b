import { z } from 'zod'
import { contactLike } from '../messages/search-terms.ts'
import { lookingUp } from './common-filters.ts'
import type { Bind, Filter } from './record-kind.ts'

/** Two ways to the records with a text in them. */
interface Ways {
  /** A statement that gives at most so many of their ids. */
  readonly find: (most: number, bind: Bind) => string
  /** The condition on `r` that says the same; no IN or EXISTS in it, which would be answered for the whole table at once. */
  readonly walk: (bind: Bind) => string
}

/** Matches that are looked up one by one; when there are more, a walk along the list's own order finds a page of them soon. */
const fewMatches = 10_000
/** A LIKE pattern with less than three letters between its signs has no trigram to be found by. */
const shortest = 5

/**
 * Part of a text, whatever its case and accents. `waysOf` gets a LIKE pattern for names, and the text. At most one statement
 * more than the list, by the index of trigrams.
 */
export function matching(waysOf: (like: string, q: string) => Ways): Filter {
  return lookingUp(z.string().trim().min(1).max(200), async (q, bind, _me, query) => {
    const like = contactLike(q)
    const { find, walk } = waysOf(like, q)
    // CASE, because the planner takes LIKE for rare under row security, where it may not look at statistics for it.
    const often = () => `case when ${walk(bind)} then true else false end`
    if (like.length < shortest) return often()
    const values: unknown[] = []
    const found = find(fewMatches + 1, (value) => `$${values.push(value)}`)
    // The ids go back as the text that they came in.
    const [all] = await query<{ count: number; ids: string | null }>(
      `select count(*), array_agg(f.id)::text as ids from (${found}) f`,
      values,
    )
    return all === undefined || all.count > fewMatches
      ? often()
      : `r.id = any (${bind(all.ids ?? '{}')}::integer[])`
  })
}
