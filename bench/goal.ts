import type { World } from './world.ts'

/** One line of the table: a figure of ours, the same of its peer in the same rounds, and what it should be. */
export interface Figure {
  /** G1 … G12 of the performance goals; several figures may belong to one goal. */
  readonly goal: string
  readonly what: string
  readonly ours: string
  readonly peer: string
  /** The number that is judged; with a unit when it is no ratio. */
  readonly value: number
  readonly unit: 'x' | 'ms' | 'us'
  /** Which way is better. */
  readonly better: 'less' | 'more'
  /** null: told, not judged. */
  readonly must: number | null
  readonly reach: number | null
}

/** What is measured together, because it shares processes and rounds. */
export interface Measurement {
  /** The goals that it answers. */
  readonly goals: readonly string[]
  readonly run: (world: World, rounds: number, log: (line: string) => void) => Promise<Figure[]>
}

export type Verdict = 'reached' | 'pass' | 'MISSED' | 'told'

export function verdictOf({ value, better, must, reach }: Figure): Verdict {
  const meets = (limit: number) => (better === 'less' ? value <= limit : value >= limit)
  if (must === null) return 'told'
  if (reach !== null && meets(reach)) return 'reached'
  return meets(must) ? 'pass' : 'MISSED'
}
