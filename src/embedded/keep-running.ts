import { setTimeout as delay } from 'node:timers/promises'
import type { ServerProcess } from './embedded-server.ts'

/** So often within `windowMs` an ended server is started again; one that ends once more does not stay up. */
const mostRestarts = 5
const windowMs = 60_000
/** The pause before the first restart within the window; each further one is twice as long. */
const firstPauseMs = 250
/** What recovery gets when somebody waits for the end. */
const hurryMs = 5_000

/** A server that is started again whenever it ends by itself. */
export interface Kept {
  /** Somebody waits to end: no more pauses. Settles when the server is there, or was lost. */
  hurry(): Promise<void>
  /** From here on its end is wanted; an attempt to start it is given up. */
  letGo(): Promise<void>
}

/**
 * Starts `server` again whenever it ends (killed by hand, out of memory), with pauses that grow, at most `mostRestarts`
 * times within `windowMs`. `log` gets a line when it is gone and when it is back; `lost` is called once, with a sentence,
 * when it does not stay up.
 */
export function keepRunning(
  name: string,
  server: ServerProcess,
  { log, lost }: { log: (line: string) => void; lost: (why: string) => void },
): Kept {
  const wanted = new AbortController()
  const hurried = new AbortController()
  let restarts: number[] = []
  let comingBack: Promise<boolean> | undefined

  /** Whether it is there again; otherwise it was lost, or its end is wanted. */
  const bringBack = async (how: string): Promise<boolean> => {
    let why = `ended (${how})`
    for (;;) {
      const now = performance.now()
      restarts = restarts.filter((at) => now - at < windowMs)
      if (restarts.length >= mostRestarts) {
        lost(`${name} ${why}, after ${mostRestarts} restarts within a minute; see ${server.logFile}`)
        return false
      }
      log(`${name} ${why}; starting it again on port ${server.port}`)
      const pauseMs = firstPauseMs * 2 ** restarts.length
      await delay(pauseMs, undefined, { signal: AbortSignal.any([wanted.signal, hurried.signal]) }).catch(
        () => {},
      )
      if (wanted.signal.aborted) return false
      restarts.push(performance.now())
      try {
        const startedAt = performance.now()
        await server.start(wanted.signal)
        log(`${name}: port ${server.port}, back after ${Math.round(performance.now() - startedAt)} ms`)
        return true
      } catch (error) {
        if (wanted.signal.aborted) return false
        log(error instanceof Error ? error.message : String(error))
        why = 'did not start again'
      }
    }
  }

  const watch = async (): Promise<void> => {
    for (let there = true; there; ) {
      const how = await server.ended()
      if (wanted.signal.aborted) return
      comingBack = bringBack(how)
      there = await comingBack
      comingBack = undefined
    }
  }
  void watch()

  return {
    hurry: async () => {
      hurried.abort()
      if (comingBack === undefined) return
      const late = delay(hurryMs, 'late', { ref: false })
      if ((await Promise.race([comingBack, late])) === 'late') lost(`${name} is away and does not come back`)
    },
    letGo: async () => {
      wanted.abort()
      await comingBack
    },
  }
}
