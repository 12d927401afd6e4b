/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** How fast y grows with x: the median of the slopes between any two points (Theil and Sen), so that one leap counts for little. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  return median(
    points.flatMap(([x, y], place) =>
      points.slice(place + 1).map(([laterX, laterY]) => (laterY - y) / (laterX - x)),
    ),
  )
}

/** The value below which so many percent of all lie. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN
}

/**
 * Measures several ways in turn, round after round, so that whatever else the machine does meets all of them alike, and
 * answers with the medians. The order turns with the rounds. The first ones (`warmUps`) are not counted: a way that runs code a
 * few hundred times a round is measured in the interpreter until the engine has compiled it.
 */
export async function interleaved<Way extends string>(
  rounds: number,
  ways: Readonly<Record<Way, () => Promise<number>>>,
  warmUps = 1,
): Promise<Record<Way, number> & { readonly all: Record<Way, number[]> }> {
  const names = Object.keys(ways) as Way[]
  const all = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Way, number[]>
  for (let round = 0; round < warmUps + rounds; round++)
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length] as Way
      const value = await ways[name]()
      if (round >= warmUps) all[name].push(value)
    }
  const medians = Object.fromEntries(names.map((name) => [name, median(all[name])])) as Record<Way, number>
  return { ...medians, all }
}
