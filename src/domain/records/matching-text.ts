import { z } from 'zod'
import { isLong, leadsOf, type MixedTerms, mixedTerms } from '../messages/mixed-terms.ts'
import { isFoundByTrigrams, namePatterns } from '../messages/search-terms.ts'
import { hasWords, lookingUp } from './common-filters.ts'
import type { Bind, Filter } from './record-kind.ts'

/** Which of the matches are wanted: the newest ones, at most so many, below an id where one is given. */
interface Matches {
  readonly most: number
  readonly below?: number | null
  readonly deletedToo: boolean
}

/** Two ways to the records with a text in them. */
export interface Ways {
  /** A statement that gives their ids as `record_id`. */
  readonly find: (matches: Matches, bind: Bind) => string
  /** The condition on `r` that says the same; no IN or EXISTS in it, which would be answered for the whole table at once. */
  readonly walk: (bind: Bind) => string
}

/** How records of a kind are found by what somebody typed. */
export interface TextSearch {
  /** To what has all of the words, or the number when the text is one. */
  readonly waysOf: (q: string) => Ways
  /** Where they have numbers: in `search_text` beside the name, or elsewhere; left out where they have none. */
  readonly numbers?: 'in the text' | 'elsewhere'
}

/** What somebody typed, as it is looked for. */
interface Wanted {
  /** Texts of which each is found by one look; the more telling one first. */
  readonly leads: readonly [string, ...string[]]
  /** The condition on `r` for all of it. */
  readonly walk: (bind: Bind) => string
  /** Whether what a lead finds may still lack something. */
  readonly isMixed: boolean
}

/** Matches that are looked up one by one; when there are more, a walk along the list's own order finds a page of them soon. */
const fewMatches = 10_000

/**
 * A text, each word of which is part of a record, in whatever order, whatever the case and accents; beside them parts of its numbers.
 * At most two statements more than the list, by the indexes of trigrams.
 */
export function matching(search: TextSearch): Filter {
  return lookingUp(z.string().trim().min(1).max(200), async (q, bind, _me, query) => {
    const { leads, walk, isMixed } = wantedBy(search, q)
    for (const lead of leads.filter(isFoundByTrigrams)) {
      const values: unknown[] = []
      const { find } = search.waysOf(lead)
      const found = find({ most: fewMatches + 1, deletedToo: true }, (value) => `$${values.push(value)}`)
      // The ids go back as the text that they came in.
      const [all] = await query<{ count: number; ids: string | null }>(
        `select count(*), array_agg(f.record_id)::text as ids from (${found}) f`,
        values,
      )
      if (all === undefined || all.count > fewMatches) continue
      const isOne = `r.id = any (${bind(all.ids ?? '{}')}::integer[])`
      return isMixed ? `(${isOne} and ${walk(bind)})` : isOne
    }
    return { walk }
  })
}

/** The matches of the most telling part of a text, by an index, and what else `r` has to have; null when they have all. */
export function leadingMatches(
  search: TextSearch,
  q: string,
): { find: Ways['find']; rest: Ways['walk'] | null } {
  const { leads, walk, isMixed } = wantedBy(search, q)
  const lead = leads.find(isFoundByTrigrams) ?? leads[0]
  return { find: search.waysOf(lead).find, rest: isMixed ? walk : null }
}

function wantedBy({ waysOf, numbers }: TextSearch, q: string): Wanted {
  const mixed = numbers === undefined ? null : mixedTerms(q)
  const parts = mixed?.numbers.flatMap((number) => number.parts) ?? []
  // Digits that stand in the text as they were typed are words of it, and one look finds them together with the others.
  if (mixed === null || (numbers === 'in the text' && parts.every((part) => /^[1-9]\d*$/.test(part))))
    return { leads: [q], walk: waysOf(q).walk, isMixed: false }
  return { leads: leadsOf(mixed), walk: (bind) => hasAll(waysOf, mixed, bind), isMixed: true }
}

/** The name, and each number: as one that was written with spaces, or each of its parts wherever they stand. */
function hasAll(waysOf: TextSearch['waysOf'], { name, numbers }: MixedTerms, bind: Bind): string {
  const terms = numbers.map(({ whole, parts }) => {
    const each = parts.map((part) =>
      isLong(part) ? waysOf(part).walk(bind) : hasWords('r.search_text', part, bind),
    )
    return parts.length === 1
      ? each.join('')
      : `${waysOf(whole).walk(bind)} or ${each.map((one) => `(${one})`).join(' and ')}`
  })
  return [waysOf(name).walk(bind), ...terms].map((term) => `(${term})`).join(' and ')
}

/** Ways by the `search_text` of a table that match_records knows: all words of the text, or one of the other patterns. */
export function bySearchText(
  table: 'customers' | 'deals' | 'activities',
  q: string,
  others: readonly string[] = [],
): Ways {
  return {
    find: ({ most, below = null, deletedToo }, bind) =>
      `select record_id from match_records('${table}', ${bind(namePatterns(q))}::text[], ${bind(others)}::text[],
         ${deletedToo}, ${bind(below)}::integer, ${most})`,
    walk: (bind) =>
      [
        hasWords('r.search_text', q, bind),
        ...others.map((other) => `r.search_text like ${bind(other)}`),
      ].join(' or '),
  }
}
