import type { MessageRow } from './message-row.ts'

type Status = MessageRow['status']

/** How far up each status is. `failed` and `unknown` stand outside the ladder. */
const ladder: Partial<Record<Status, number>> = { queued: 0, sent: 1, delivered: 2, read: 3, played: 4 }

/**
 * Whether news moves a message to this status (OUT4). Statuses only climb: a late `delivered` after `read` is no news.
 * `failed` counts until the message reached a device (a network that reports failure after delivery is not believed), and
 * only a device corrects it: `sent` comes before the failure, however late it is told. Any rung above `queued` settles
 * `unknown`, because the message evidently went out. So the end does not depend on the order in which news arrives.
 */
export function moves(from: Status, to: Status): boolean {
  if (from === to || from === 'received') return false
  if (to === 'failed') return from === 'queued' || from === 'sent' || from === 'unknown'
  if (to === 'unknown') return from === 'queued'
  const target = ladder[to]
  if (target === undefined) return false
  if (from === 'unknown') return target > 0
  if (from === 'failed') return target > 1
  return target > (ladder[from] ?? 0)
}
