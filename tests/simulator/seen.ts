import { readTenant } from '../../src/log/read-tenant.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Hub } from '../harness/hub.ts'

/** A message as it stands in the database. */
export interface SeenMessage {
  readonly conversationId: string
  readonly direction: 'in' | 'out'
  readonly type: string
  readonly text: string | null
  readonly status: string
  readonly error: { code: string } | null
  /** State of its file; null without one. */
  readonly media: string | null
}

/** What the hub's only tenant has stored of its customers. */
export function seenIn({ deps, tenant }: Hub) {
  return {
    /** Every message, by type and then text. */
    messages: (): Promise<SeenMessage[]> =>
      readTenant(deps, tenant.id, (query) =>
        query<SeenMessage>(
          `select m.conversation_id as "conversationId", m.direction, m.type, m.text, m.status, m.error, a.state as media
           from messages m left join attachments a on a.tenant_id = m.tenant_id and a.id = m.attachment_id
           where m.tenant_id = $1 order by m.type, m.text`,
          [tenant.id],
        ),
      ),
    count: async (): Promise<number> => {
      const [row] = await readTenant(deps, tenant.id, (query) =>
        query<{ count: number }>('select count(*)::integer as count from messages where tenant_id = $1', [
          tenant.id,
        ]),
      )
      return row?.count ?? 0
    },
    /** The contact with this number gets another one, as after a change that the network did not tell. */
    moveCustomer: (from: string, to: string): Promise<void> =>
      inTenant(deps, tenant.id, async (tx) => {
        await tx.query('update contact_identities set value = $3 where tenant_id = $1 and value = $2', [
          tenant.id,
          from,
          to,
        ])
      }),
  }
}
