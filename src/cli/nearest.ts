/** Insertions, deletions and replacements between two words. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, place) => place)
  for (const [line, letter] of from.split('').entries()) {
    const next = [line + 1]
    for (const [place, other] of to.split('').entries())
      next.push(
        Math.min(
          (next[place] ?? 0) + 1,
          (row[place + 1] ?? 0) + 1,
          (row[place] ?? 0) + (letter === other ? 0 : 1),
        ),
      )
    row = next
  }
  return row.at(-1) ?? 0
}

/** The word that was probably meant: one that begins so, else the one with the fewest slips, if they are few. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const begun = words.filter((one) => word.length > 3 && one.startsWith(word))
  if (begun.length === 1) return begun[0]
  const [best] = words
    .map((one) => ({ one, slips: distance(word, one) }))
    .filter(({ one, slips }) => slips <= Math.max(1, Math.floor(one.length / 3)))
    .sort((a, b) => a.slips - b.slips)
  return best?.one
}
