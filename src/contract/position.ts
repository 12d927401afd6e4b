import { z } from 'zod'

/**
 * A place in a tenant's log, written `epoch:seq`. The epoch changes when the past was rewritten (a restore, a
 * failover that lost its tail), so that numbers of two different pasts are never compared. `seq` has no holes and
 * its order is commit order (LOG1, LOG2). `1:0` is the place before the first event.
 */
export interface Position {
  readonly epoch: number
  readonly seq: number
}

const written = /^([1-9]\d{0,9}):(0|[1-9]\d{0,15})$/

/** Parses `epoch:seq`; null when it is anything else (signs, spaces, fractions, numbers past 2^53). */
export function parsePosition(text: unknown): Position | null {
  if (typeof text !== 'string') return null
  const parts = written.exec(text)
  if (!parts) return null
  const epoch = Number(parts[1])
  const seq = Number(parts[2])
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(seq) ? { epoch, seq } : null
}

export function formatPosition(position: Position): string {
  return `${position.epoch}:${position.seq}`
}

export const positionText = z
  .string()
  .refine((text) => parsePosition(text) !== null, 'expected epoch:seq, e.g. 1:42')
