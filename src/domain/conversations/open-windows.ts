import type { TenantTx } from '../../log/tenant-tx.ts'
import { viewConversations } from './load-conversations.ts'
import { openConversations } from './open-conversation.ts'
import { hearersOf } from './present-conversation.ts'

/**
 * Lets us write freely to people for 24 hours from the moment that they opened the chat, without a message of theirs.
 * Their conversation is opened, or begun. Records `conversation.updated` for windows that became longer.
 */
export async function openWindows(
  tx: TenantTx,
  wanted: {
    readonly channelId: string
    readonly windows: readonly { readonly contactId: number; readonly at: Date }[]
    readonly reopenHours: number
  },
): Promise<void> {
  const { channelId, windows, reopenHours } = wanted
  if (windows.length === 0) return
  const contactIds = [...new Set(windows.map(({ contactId }) => contactId))]
  const rows = await openConversations(tx, { channelId, contactIds, reopenHours, wake: false })
  const longer = await tx.query<{ id: string }>(
    `update conversations c set window_expires_at = v.expires_at, version = version + 1, updated_at = $3
     from (select w.id, max(w.at) + interval '24 hours' as expires_at
           from json_to_recordset($2) as w(id uuid, at timestamptz) group by w.id) v
     where c.tenant_id = $1 and c.id = v.id and (c.window_expires_at is null or c.window_expires_at < v.expires_at)
     returning c.id`,
    [
      tx.tenantId,
      JSON.stringify(windows.map(({ contactId, at }) => ({ id: rows.get(contactId)?.id, at }))),
      tx.now,
    ],
  )
  const ids = longer.map((row) => row.id)
  const views = await viewConversations(tx.query.bind(tx), tx.tenantId, ids, tx.now, { lock: true })
  for (const [id, conversation] of views) tx.record('conversation.updated', { conversation }, hearersOf(id))
}
