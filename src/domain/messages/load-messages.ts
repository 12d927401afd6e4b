import { type MessageRow, messageColumns, messageJoins } from './message-row.ts'

type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/** Messages by id, in no order; ids that do not exist are missing in the answer. `lock` holds them until commit. */
export function loadMessages(query: Query, tenantId: string, ids: readonly string[], lock = false): Promise<MessageRow[]> {
  return query<MessageRow>(
    `select ${messageColumns} from messages m ${messageJoins}
     where m.tenant_id = $1 and m.id = any($2) ${lock ? 'order by m.id for update of m' : ''}`,
    [tenantId, ids],
  )
}
