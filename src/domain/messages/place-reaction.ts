import type { StoredReaction } from './message-row.ts'

/** Most people whose reactions one message keeps: as many as the largest group has. */
export const mostReactions = 1024
/** Most reactions of one person within one second that are told apart. */
export const mostInOneSecond = 20

/** Longest reaction in UTF-16 units; the longest emoji have 35. */
export const longestEmoji = 100

/** A reaction as it came. `ids` name it, so that it is known when it comes again, from wherever. */
export interface GivenReaction extends StoredReaction {
  readonly ids: string[]
}

/** The network tells times in whole seconds. */
const secondOf = ({ at }: StoredReaction) => Math.floor(Date.parse(at) / 1000)

/**
 * The reactions of a message with one more, or null when it changes nothing: it is no emoji, it came before, or a newer one
 * of the same person is there. Of two in one second the one that came later counts. An empty emoji takes back, and stays as a mark, so
 * that an older reaction that comes late is known to be older.
 * `isSame`: whose it is, among those that are there.
 */
export function withReaction(
  present: readonly StoredReaction[],
  given: GivenReaction,
  isSame: (other: StoredReaction) => boolean,
): StoredReaction[] | null {
  if (given.emoji.length > longestEmoji) return null
  const former = present.filter(isSame)
  const others = present.filter((other) => !isSame(other))
  const ids = former.flatMap((one) => one.ids ?? [])
  if (given.ids.some((id) => ids.includes(id))) return null
  const newest = Math.max(...former.map(secondOf), Number.NEGATIVE_INFINITY)
  const second = secondOf(given)
  if (second < newest || (former.length === 0 && others.length >= mostReactions)) return null
  if (second > newest) return [...others, given]
  return ids.length >= mostInOneSecond ? null : [...others, { ...given, ids: [...ids, ...given.ids] }]
}

/** Whether people see the same. */
export function looksTheSame(one: readonly StoredReaction[], other: readonly StoredReaction[]): boolean {
  const shown = (all: readonly StoredReaction[]) =>
    JSON.stringify(
      all
        .filter(({ emoji }) => emoji !== '')
        .map(({ emoji, by, at }) => [emoji, by.kind, by.id, by.name, at]),
    )
  return shown(one) === shown(other)
}

/** For the network a number has one reaction per message, whoever of us gave it. */
export const isOurs = ({ by }: StoredReaction): boolean => by.kind !== 'contact'
