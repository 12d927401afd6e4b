const secondMs = 1000
const longestMs = 3_600_000

/**
 * How long a message waits after its n-th try (from 1): what the network asked for, or more when it goes on asking.
 * Twice as long each time, up to a tenth longer by chance so that many do not come back at once; four times as long for a
 * pair (Meta's rule for 131056: 4^n seconds). At most an hour, unless the network asked for more.
 */
export function retryAfterTry(
  asked: { readonly afterMs: number; readonly scope: 'message' | 'pair' },
  tries: number,
  random: () => number = Math.random,
): number {
  const grown = asked.scope === 'pair' ? secondMs * 4 ** tries : asked.afterMs * 2 ** (tries - 1)
  return Math.ceil(Math.max(asked.afterMs, Math.min(grown, longestMs)) * (1 + random() / 10))
}

/** How long a whole number waits: twice as long for each pause in a row, at most an hour, unless the network asked for more. */
export function pauseOf(afterMs: number, pausesBefore: number): number {
  return Math.max(afterMs, Math.min(afterMs * 2 ** Math.min(pausesBefore, 20), longestMs))
}
