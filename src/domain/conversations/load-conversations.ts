import { Failure } from '../../contract/errors.ts'
import type { ConversationView } from '../../contract/conversation.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { loadMessages } from '../messages/load-messages.ts'
import {
  type ConversationRow,
  conversationColumns,
  conversationJoins,
  type WholeConversationRow,
  wholeConversationColumns,
  wholeConversationJoins,
} from './conversation-row.ts'
import { presentConversation } from './present-conversation.ts'

type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/** Locks conversations until commit, always in the order of their ids, so that two writers never wait for each other. */
export function lockConversations(tx: TenantTx, ids: readonly string[]): Promise<ConversationRow[]> {
  return tx.query<ConversationRow>(
    `select ${conversationColumns} from conversations c ${conversationJoins}
     where c.tenant_id = $1 and c.id = any($2) order by c.id for update of c`,
    [tx.tenantId, ids],
  )
}

/** One conversation, locked until commit. Fails with `not_found`. */
export async function lockConversation(tx: TenantTx, id: string): Promise<ConversationRow> {
  const [row] = await lockConversations(tx, [id])
  if (!row) throw new Failure('not_found')
  return row
}

/** One conversation as it is, not locked. Fails with `not_found`. */
export async function findConversation(query: Query, tenantId: string, id: string): Promise<ConversationRow> {
  const [row] = await query<ConversationRow>(
    `select ${conversationColumns} from conversations c ${conversationJoins} where c.tenant_id = $1 and c.id = $2`,
    [tenantId, id],
  )
  if (!row) throw new Failure('not_found')
  return row
}

/**
 * Whole conversations as clients see them, in no order. Two statements, however many there are.
 *
 * `lock` holds the newest messages until commit, for a view that goes into an event: otherwise a status that is
 * committed between this read and our own commit would be undone at clients by our older picture of the message (SYN2).
 */
export async function viewConversations(
  query: Query,
  tenantId: string,
  ids: readonly string[],
  now: Date,
  { lock = false }: { lock?: boolean } = {},
): Promise<Map<string, ConversationView>> {
  const rows = await query<WholeConversationRow>(
    `select ${wholeConversationColumns} from conversations c ${wholeConversationJoins}
     where c.tenant_id = $1 and c.id = any($2)`,
    [tenantId, ids],
  )
  const newest = rows.map((row) => row.last_message_id).filter((id) => id !== null)
  const messages = new Map(
    (await loadMessages(query, tenantId, newest, lock)).map((message) => [message.id, message]),
  )
  return new Map(
    rows.map((row) => [
      row.id,
      presentConversation(row, messages.get(row.last_message_id ?? '') ?? null, now),
    ]),
  )
}

/** One whole conversation for an event and an answer, its newest message locked until commit. Fails with `not_found`. */
export async function viewConversation(tx: TenantTx, id: string): Promise<ConversationView> {
  const view = (await viewConversations(tx.query.bind(tx), tx.tenantId, [id], tx.now, { lock: true })).get(id)
  if (!view) throw new Failure('not_found')
  return view
}
