import { setTimeout as pause } from 'node:timers/promises'

/**
 * Tries a check again until it passes or the time is over, then fails with its last error. For states that announce
 * themselves by no event; where there is an event, wait for the event. `everyMs` lies between two tries.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  withinMs = 10_000,
  everyMs = 15,
): Promise<T> {
  const end = performance.now() + withinMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > end) throw error
      await pause(everyMs)
    }
  }
}
