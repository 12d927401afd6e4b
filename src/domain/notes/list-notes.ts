import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { formatPosition } from '../../contract/position.ts'
import type { NoteList } from '../../contract/rest/conversations.ts'
import { decodeCursor, encodeCursor, pageOf } from '../../http/cursor.ts'
import { headIn } from '../../log/read.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { findConversation } from '../conversations/load-conversations.ts'
import { placeOf } from '../conversations/present-conversation.ts'
import { type NoteRow, noteColumns, presentNote } from './note-row.ts'

/** Notes of a conversation, newest first, without the deleted ones. Fails with `not_found`. */
export function listNotes(
  deps: Pick<LogDeps, 'db'>,
  actor: Actor,
  input: { readonly conversationId: string; readonly limit: number; readonly cursor?: string | undefined },
): Promise<NoteList> {
  const [below] =
    input.cursor === undefined ? [null] : decodeCursor('notes', input.cursor, z.tuple([z.int32()]))
  return readTenant(deps, actor.tenantId, async (query) => {
    const conversation = await findConversation(query, actor.tenantId, input.conversationId)
    permit(actor, 'conversation.read', placeOf(conversation))
    const rows = await query<NoteRow>(
      `select ${noteColumns} from notes
       where tenant_id = $1 and conversation_id = $2 and deleted_at is null and ($3::integer is null or id < $3)
       order by id desc limit $4`,
      [actor.tenantId, conversation.id, below, input.limit + 1],
    )
    return {
      ...pageOf(rows, input.limit, presentNote, (row) => encodeCursor('notes', [row.id])),
      position: formatPosition(await headIn(query, actor.tenantId)),
    }
  })
}
