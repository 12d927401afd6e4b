import { setTimeout as pause } from 'node:timers/promises'

/** Does something `times` times, the n-th n × `intervalMs` after the start; what comes late does not make up for it. */
export async function paced(times: number, intervalMs: number, act: (place: number) => void): Promise<void> {
  const startedAt = performance.now()
  for (let place = 0; place < times; place++) {
    const early = startedAt + place * intervalMs - performance.now()
    if (early > 0) await pause(early)
    act(place)
  }
}
