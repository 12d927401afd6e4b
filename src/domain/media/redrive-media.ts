import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import { loadMessages } from '../messages/load-messages.ts'
import { presentMessage } from '../messages/present-message.ts'

type Query = TenantTx['query']

/** A file of a customer that could not be had. */
export interface FailedMedia {
  readonly id: string
  readonly channelId: string | null
  readonly mimeType: string
  readonly reason: string | null
  readonly attempts: number
  readonly createdAt: string
}

export interface FailedFilter {
  readonly channelId?: string | undefined
  readonly id?: string | undefined
  readonly limit: number
}

const columns = `a.id, a.channel_id as "channelId", a.mime_type as "mimeType", a.reason, a.attempts, a.created_at as "createdAt"`
const matches = `a.tenant_id = (select current_tenant()) and a.state = 'failed' and a.direction = 'in' and a.ref is not null
  and ($1::uuid is null or a.channel_id = $1) and ($2::uuid is null or a.id = $2)`

/** Files that failed, the oldest first. Those that the network no longer has are `expired` and not among them. */
export function listFailedMedia(
  query: Query,
  { channelId, id, limit }: FailedFilter,
): Promise<FailedMedia[]> {
  return query<FailedMedia>(
    `select ${columns} from attachments a where ${matches} order by a.created_at, a.id limit $3`,
    [channelId ?? null, id ?? null, limit],
  )
}

/**
 * Has failed files fetched again, with all their tries ahead of them, and says so to whoever sees their messages.
 * Locks in order: messages by id, the attachments, the tenant's head.
 */
export async function redriveMedia(tx: TenantTx, by: Doer, filter: FailedFilter): Promise<FailedMedia[]> {
  const query = tx.query.bind(tx)
  const wanted = await listFailedMedia(query, filter)
  const messages = await tx.query<{ id: string; attachment_id: string }>(
    'select id, attachment_id from messages where tenant_id = $1 and attachment_id = any($2) order by id for update',
    [tx.tenantId, wanted.map((one) => one.id)],
  )
  const due = await tx.query<{ id: string }>(
    `update attachments set state = 'pending', reason = null, attempts = 0, next_attempt_at = now()
     where tenant_id = $1 and id = any($2) and state = 'failed' returning id`,
    [tx.tenantId, wanted.map((one) => one.id)],
  )
  const ids = new Set(due.map((one) => one.id))
  const redriven = wanted.filter((one) => ids.has(one.id))
  for (const { id, ...before } of redriven) {
    recordAudit(tx, { by, action: 'media.redrive', entity: 'attachment', entityId: id, before })
    tx.nudge('fetch-media', { tenantId: tx.tenantId, attachmentId: id })
  }
  const shown = messages.filter((message) => ids.has(message.attachment_id)).map((message) => message.id)
  const rows = await loadMessages(query, tx.tenantId, shown)
  for (const row of rows)
    tx.record('message.media_awaited', { message: presentMessage(row) }, hearersOf(row.conversation_id))
  return redriven
}
