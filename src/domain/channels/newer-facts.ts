/** Facts by name, and when the network said each, ISO 8601. A fact without a time is older than any news. */
export interface Facts {
  readonly values: Readonly<Record<string, unknown>>
  readonly times: Readonly<Record<string, string>>
}

/** Whether something said at `at` counts against what was said at `before`. Of two at the same moment the later arrival counts. */
export function isNewer(at: Date, before: string | undefined): boolean {
  return before === undefined || at.getTime() >= Date.parse(before)
}

/** The time of a word of the network. One from the future would outrank everything that is said until then. */
export function timeOfNews(at: Date, now: Date): Date {
  return at > now ? now : at
}

/**
 * The facts with those of `news` that are not older than what is held, so that the end is the same in whatever order
 * news arrives. A fact of more than `mostBytes` as JSON is replaced by a note that says how large it was.
 */
export function withNewer(
  held: Facts,
  news: Readonly<Record<string, unknown>>,
  at: Date,
  mostBytes: number,
): Facts {
  const values = { ...held.values }
  const times = { ...held.times }
  for (const [name, value] of Object.entries(news)) {
    if (value === undefined || !isNewer(at, times[name])) continue
    values[name] = bounded(value, mostBytes)
    times[name] = at.toISOString()
  }
  return { values, times }
}

function bounded(value: unknown, mostBytes: number): unknown {
  const bytes = Buffer.byteLength(JSON.stringify(value))
  return bytes > mostBytes ? { tooLargeBytes: bytes } : value
}
