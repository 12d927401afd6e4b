export const stuckKinds = ['parked', 'quarantined', 'media', 'jobs'] as const
export type StuckKind = (typeof stuckKinds)[number]

/** Something that waits for an operator. */
export interface StuckItem {
  readonly kind: StuckKind
  readonly id: string
  /** Slug; null when it is nobody's. */
  readonly tenant: string | null
  readonly channelId: string | null
  readonly since: string | null
  readonly attempts: number | null
  /** Why it got stuck. */
  readonly reason: string | null
  /** What was done: only looked at, put back in line, or left where it is. */
  readonly outcome: 'listed' | 'redriven' | 'left'
  /** Why it was left. */
  readonly why?: string
}
