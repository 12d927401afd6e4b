/** Tells a person at the terminal what is going on, one plain line per thing, beside the log's JSON. */
export interface Progress {
  say(line: string): void
  /** Does `work` and says how long it took; what it answers with can add to the line. */
  step<T>(what: string, work: () => Promise<T>, detail?: (result: T) => string): Promise<T>
}

/** Writes to standard output, because the last line, the one with the address, is what others wait for. */
export const terminalProgress: Progress = {
  say: (line) => console.log(line),
  step: async (what, work, detail) => {
    const startedAt = performance.now()
    const result = await work()
    console.log(`${what}: ${detail ? `${detail(result)}, ` : ''}ready after ${seconds(startedAt)}`)
    return result
  },
}

/** Time since `startedAt` (of performance.now()) for people: `640 ms`, `3.2 s`. */
export function seconds(startedAt: number): string {
  const ms = performance.now() - startedAt
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
