import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import { loadMessages } from './load-messages.ts'
import type { StoredMessageError } from './message-row.ts'
import { settleMessages } from './settle-messages.ts'

const nobodySaw: StoredMessageError = {
  code: 'no_outcome',
  title: 'The worker was lost while it was sending',
  detail: 'it may have gone out; a later status says so, or somebody decides to send it again',
  retryable: false,
}

/**
 * Attempts whose worker did not come back within its lease: nobody knows whether they went out, so their messages are
 * `unknown`, shown as such and never resent by us (OUT7). Attempts that ended meanwhile are left alone. Answers how
 * many there were.
 */
export function abandonAttempts(
  deps: LogDeps,
  tenantId: string,
  attemptIds: readonly string[],
): Promise<number> {
  return inTenant(
    deps,
    tenantId,
    async (tx) => {
      const lost = await tx.query<{ message_id: string; channel_id: string }>(
        `update send_attempts set state = 'unknown', finished_at = clock_timestamp(), detail = $3
         where tenant_id = $1 and id = any($2) and state = 'started' and lease_until < clock_timestamp()
         returning message_id, channel_id`,
        [tenantId, attemptIds, JSON.stringify({ error: nobodySaw })],
      )
      const messages = await loadMessages(
        tx.query.bind(tx),
        tenantId,
        lost.map((row) => row.message_id),
        true,
      )
      await settleMessages(
        tx,
        messages.map((message) => ({
          message,
          status: 'unknown' as const,
          error: nobodySaw,
          providerMessageId: null,
        })),
        { kind: 'system', name: 'delivery' },
      )
      for (const { channel_id: channelId } of lost) tx.nudge('deliver-outbound', { tenantId, channelId })
      return lost.length
    },
    { kind: 'system', name: 'delivery' },
  )
}
