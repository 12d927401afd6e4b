import type { MessageRow } from './message-row.ts'

type Status = MessageRow['status']

/** How far up each status is. `failed` and `unknown` stand outside the ladder. */
const ladder: Partial<Record<Status, number>> = { queued: 0, sent: 1, delivered: 2, read: 3, played: 4 }

/**
 * Whether news moves a message to this status (OUT4). Statuses only climb: a late `delivered` after `read` is no news.
 * `failed` counts until the message reached a device (a network that reports failure after delivery is not believed);
 * any rung above `queued` settles `unknown` and corrects `failed`, because the message evidently went out.
 */
export function moves(from: Status, to: Status): boolean {
  if (from === to || from === 'received') return false
  if (to === 'failed') return from === 'queued' || from === 'sent' || from === 'unknown'
  if (to === 'unknown') return from === 'queued'
  const target = ladder[to]
  if (target === undefined) return false
  if (from === 'failed' || from === 'unknown') return target > 0
  return target > (ladder[from] ?? 0)
}
