import { type Actor, presentActor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ConversationStatus, ConversationView } from '../../contract/conversation.ts'
import { Failure } from '../../contract/errors.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import { auditConversation, type Origin } from './audit-conversation.ts'
import { changeConversation } from './change-conversation.ts'
import type { ConversationRow } from './conversation-row.ts'
import { lockConversation, viewConversation } from './load-conversations.ts'
import { lockContacts } from './open-conversation.ts'
import { placeOf } from './present-conversation.ts'

/**
 * Opens, parks (`pending`) or resolves a conversation; nothing changed is a success without an event. Whatever it was
 * before, a sleep ends. Resolved: nobody waits for an answer any more.
 * Fails with `conflict` when it cannot come back because its contact has another live conversation on the channel, which
 * `details.conversationId` names.
 */
export function setConversationStatus(
  deps: LogDeps,
  actor: Actor,
  input: { conversationId: string; status: Exclude<ConversationStatus, 'snoozed'> },
  origin: Origin = {},
): Promise<ConversationView> {
  return inTenant(
    deps,
    actor.tenantId,
    async (tx) => {
      if (input.status !== 'resolved') await lockContactOf(tx, input.conversationId)
      const before = await lockConversation(tx, input.conversationId)
      permit(actor, 'conversation.work', placeOf(before))
      if (before.status === input.status) return viewConversation(tx, before.id)
      if (before.status === 'resolved') await requireNoOtherLive(tx, before)
      const after = await changeConversation(tx, before, 'conversation.status_changed', {
        status: input.status,
        snoozed_until: null,
        resolved_at: input.status === 'resolved' ? tx.now.toISOString() : null,
        ...(input.status === 'resolved' ? { waiting_since: null } : {}),
      })
      auditConversation(tx, { actor, ...origin }, 'conversation.set-status', before, after)
      return after
    },
    presentActor(actor),
  )
}

/** The right to make a conversation live is its contact's row, which is locked before any conversation (CON2). */
async function lockContactOf(tx: TenantTx, conversationId: string): Promise<void> {
  const [row] = await tx.query<{ contact_id: number }>(
    `select contact_id from conversations where tenant_id = $1 and id = $2 and status = 'resolved'`,
    [tx.tenantId, conversationId],
  )
  if (row) await lockContacts(tx, [row.contact_id])
}

async function requireNoOtherLive(tx: TenantTx, row: ConversationRow): Promise<void> {
  const [other] = await tx.query<{ id: string; number: number }>(
    `select id, number from conversations
     where tenant_id = $1 and channel_id = $2 and contact_id = $3 and status <> 'resolved'`,
    [tx.tenantId, row.channel_id, row.contact_id],
  )
  if (other)
    throw new Failure(
      'conflict',
      { conversationId: other.id, number: other.number },
      { message: 'this contact has another live conversation on the same channel' },
    )
}
