import type { MessageType } from '../../contract/message.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
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

/** A message of our side that a network without callback data shows us again, as it came. */
export interface Echo {
  readonly conversationId: string
  readonly providerMessageId: string
  readonly type: MessageType
  readonly text: string | null
  readonly at: Date
}

/** Clocks differ: an echo may seem to be this much older than the row of its message. */
const clockSlackMs = 60_000

/**
 * Whether an echo is a message of ours whose outcome is not known (or not yet written): the oldest one of the conversation
 * with the same type and text. It is `sent` then, under the echo's id, and its id is the answer; null means that the
 * echo was written elsewhere (OUT7). The conversation must be locked.
 */
export async function adoptEcho(tx: TenantTx, echo: Echo): Promise<string | null> {
  const [found] = await tx.query<{ id: string }>(
    `select m.id from messages m
     where m.tenant_id = $1 and m.conversation_id = $2 and m.direction = 'out' and m.type = $3 and m.text is not distinct from $4
       and m.created_at <= $5 and m.provider_message_id is null
       and (m.status = 'unknown' or m.status = 'queued' and exists (
         select from send_attempts a where a.tenant_id = m.tenant_id and a.message_id = m.id and a.state = 'started'))
     order by m.seq limit 1`,
    [tx.tenantId, echo.conversationId, echo.type, echo.text, new Date(echo.at.getTime() + clockSlackMs)],
  )
  if (!found) return null
  const [message] = await loadMessages(tx.query.bind(tx), tx.tenantId, [found.id], true)
  if (!message) return null
  const { providerMessageId } = echo
  await settleMessages(tx, [{ message, status: 'sent', error: null, providerMessageId }], {
    kind: 'provider',
  })
  return message.id
}
