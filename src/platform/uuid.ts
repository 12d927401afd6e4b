import { randomFillSync } from 'node:crypto'

let lastMs = 0
let counter = 0

/** Asking the system for randomness costs the same for one id as for a few hundred. */
const random = Buffer.alloc(4096)
const randomPerId = 8
let used = random.length

function nextRandom(): number {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  used += randomPerId
  return used - randomPerId
}

/**
 * A time-ordered UUID (version 7, RFC 9562): 48 bits of milliseconds, then a 12-bit counter that keeps ids of one
 * process and millisecond in the order of their making, then randomness.
 */
export function uuidv7(now: number = Date.now()): string {
  if (now > lastMs) {
    lastMs = now
    counter = 0
  } else if (++counter > 0xfff) {
    lastMs += 1
    counter = 0
  }
  const at = nextRandom()
  random[at] = 0x80 | ((random[at] ?? 0) & 0x3f)
  const time = lastMs.toString(16).padStart(12, '0')
  const order = counter.toString(16).padStart(3, '0')
  const rest = random.toString('hex', at, at + randomPerId)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${order}-${rest.slice(0, 4)}-${rest.slice(4)}`
}

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && shape.test(text)
}
