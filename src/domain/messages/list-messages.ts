import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { formatPosition } from '../../contract/position.ts'
import type { ListMessagesQuery, MessagePage } from '../../contract/rest/messages.ts'
import { decodeCursor, encodeCursor } from '../../http/cursor.ts'
import { invalid } from '../../http/faults.ts'
import { headIn } from '../../log/read.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { findConversation } from '../conversations/load-conversations.ts'
import { placeOf } from '../conversations/present-conversation.ts'
import { sortKeys } from '../records/sort-keys.ts'
import { type MessageRow, messageColumns, messageJoins } from './message-row.ts'
import { presentMessage } from './present-message.ts'

/** A message's place in its conversation: the network's time with microseconds, then the order of arrival. */
const place = z.tuple([sortKeys.timestamptz, z.int32()])

/**
 * Messages of a conversation in the order of the network's time, each page oldest first: the newest page, or what comes
 * before or after a place. Fails with `not_found`.
 * Cost: one range scan of messages_in_order.
 */
export function listMessages(
  deps: Pick<LogDeps, 'db'>,
  actor: Actor,
  input: ListMessagesQuery & { readonly conversationId: string; readonly limit: number },
): Promise<MessagePage> {
  if (input.before !== undefined && input.after !== undefined)
    throw invalid([{ in: 'query', pointer: '/after', message: 'give before or after, not both' }])
  const forward = input.after !== undefined
  const given = input.after ?? input.before
  const from = given === undefined ? null : decodeCursor('messages', given, place)
  return readTenant(deps, actor.tenantId, async (query) => {
    const conversation = await findConversation(query, actor.tenantId, input.conversationId)
    permit(actor, 'conversation.read', placeOf(conversation))
    const [beyond, direction] = forward ? ['>', 'asc'] : ['<', 'desc']
    const rows = await query<MessageRow & { at: string }>(
      `select ${messageColumns}, m.sent_at::text as at from messages m ${messageJoins}
       where m.tenant_id = $1 and m.conversation_id = $2
         ${from ? `and (m.sent_at, m.seq) ${beyond} ($4::timestamptz, $5::integer)` : ''}
       order by m.sent_at ${direction}, m.seq ${direction} limit $3`,
      [actor.tenantId, conversation.id, input.limit + 1, ...(from ?? [])],
    )
    const more = rows.length > input.limit
    const page = rows.slice(0, input.limit)
    if (!forward) page.reverse()
    const cursorOf = (row: { at: string; seq: number } | undefined) =>
      row === undefined ? null : encodeCursor('messages', [row.at, row.seq])
    // On the side that we came from there is at least the message that the cursor names.
    const older = forward || more
    const newer = forward ? more : from !== null
    return {
      data: page.map(presentMessage),
      previousCursor: older ? (cursorOf(page[0]) ?? given ?? null) : null,
      nextCursor: newer ? (cursorOf(page.at(-1)) ?? given ?? null) : null,
      position: formatPosition(await headIn(query, actor.tenantId)),
    }
  })
}
