import { type MessageRow, messageColumns, messageJoins } from './message-row.ts'

type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/**
 * Messages by id, in no order; ids that do not exist are missing in the answer. `lock` holds them until commit. They are
 * read after they are locked, in a statement of its own: one that waited for a lock would see the message as it is and its
 * file as it was before the wait.
 */
export async function loadMessages(
  query: Query,
  tenantId: string,
  ids: readonly string[],
  lock = false,
): Promise<MessageRow[]> {
  if (lock)
    await query('select 1 from messages where tenant_id = $1 and id = any($2) order by id for update', [
      tenantId,
      ids,
    ])
  return query<MessageRow>(
    `select ${messageColumns} from messages m ${messageJoins} where m.tenant_id = $1 and m.id = any($2)`,
    [tenantId, ids],
  )
}
