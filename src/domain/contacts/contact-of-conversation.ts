import { lockContacts } from '../conversations/open-conversation.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'

/**
 * The contact that a conversation is with, locked until commit: not the one that it was with before that one went into another.
 * Undefined when there is no such conversation.
 */
export async function lockContactOf(tx: TenantTx, conversationId: string): Promise<number | undefined> {
  const find = async () => {
    const [found] = await tx.query<{ id: number }>(
      'select contact_id as id from conversations where tenant_id = $1 and id = $2',
      [tx.tenantId, conversationId],
    )
    return found?.id
  }
  // Whoever merges contacts holds both while conversations move, so after a wait it may be another one, and then it is asked again.
  for (let id = await find(); ; ) {
    if (id === undefined) return undefined
    await lockContacts(tx, [id])
    const now = await find()
    if (now === id) return id
    id = now
  }
}
