import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import type { ConversationView } from '../../contract/conversation.ts'
import { Failure } from '../../contract/errors.ts'
import { formatPosition } from '../../contract/position.ts'
import { headIn } from '../../log/read.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { findConversation, viewConversations } from './load-conversations.ts'
import { placeOf } from './present-conversation.ts'

/** One conversation as it is at `position`. Fails with `not_found`, also when the actor may not read it. */
export function getConversation(
  deps: Pick<LogDeps, 'db' | 'clock'>,
  actor: Actor,
  input: { readonly conversationId: string },
): Promise<{ conversation: ConversationView; position: string }> {
  return readTenant(deps, actor.tenantId, async (query) => {
    const row = await findConversation(query, actor.tenantId, input.conversationId)
    permit(actor, 'conversation.read', placeOf(row))
    const conversation = (await viewConversations(query, actor.tenantId, [row.id], deps.clock.now())).get(
      row.id,
    )
    if (!conversation) throw new Failure('not_found')
    return { conversation, position: formatPosition(await headIn(query, actor.tenantId)) }
  })
}
