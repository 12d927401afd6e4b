import { setTimeout as pause } from 'node:timers/promises'

/**
 * Loaded before any other program with `--import`, the product's own included, so that each tells the same way what it
 * used: it answers `{ meter }` over the channel of its parent and touches nothing else.
 */

/** What a process used so far, and what it holds now. */
export interface Usage {
  /** User and system time, microseconds. */
  readonly cpuUs: number
  /** Resident memory, bytes; after a collection when one was asked for. */
  readonly rssBytes: number
}

interface Question {
  readonly meter?: number
  readonly collect?: boolean
}

// A bench that was killed leaves nothing running.
process.on('disconnect', () => process.exit(1))
process.on('message', ({ meter, collect = false }: Question) => {
  if (meter === undefined) return
  void answer(meter, collect)
})

async function answer(meter: number, collect: boolean): Promise<void> {
  // Twice, with a turn in between: what the first one finalizes is freed by the second.
  for (let i = 0; collect && i < 2; i++) {
    // As when memory is short: pages that only might be used again go back to the system.
    await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' })
    await pause(100)
  }
  const { user, system } = process.cpuUsage()
  const usage: Usage = { cpuUs: user + system, rssBytes: process.memoryUsage.rss() }
  process.send?.({ meter, usage })
}
