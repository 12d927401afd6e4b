import type { IdentityView } from '../../contract/conversation.ts'
import type { ChannelView } from '../../contract/channel.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { ProviderName } from '../../providers/port.ts'
import { lockContacts } from '../conversations/open-conversation.ts'
import {
  type ConversationRow,
  conversationColumns,
  conversationJoins,
} from '../conversations/conversation-row.ts'
import { type MessageRow, messageColumns, messageJoins } from './message-row.ts'
import type { Route, SendableFile } from './send-gate.ts'

/**
 * Conversations that are to be written in, locked until commit; missing ones do not exist. Live ones come first, by id. A
 * resolved one may be opened again, so its contact is locked before it, as whoever makes a conversation live must (CON2).
 */
export async function lockForSend(
  tx: TenantTx,
  ids: readonly string[],
): Promise<Map<string, ConversationRow>> {
  const lock = (wanted: readonly string[], condition: string) =>
    tx.query<ConversationRow>(
      `select ${conversationColumns} from conversations c ${conversationJoins}
       where c.tenant_id = $1 and c.id = any($2) ${condition} order by c.id for update of c`,
      [tx.tenantId, wanted],
    )
  const found = new Map((await lock(ids, `and c.status <> 'resolved'`)).map((row) => [row.id, row]))
  const resting = ids.filter((id) => !found.has(id))
  if (resting.length === 0) return found
  const contacts = await tx.query<{ contact_id: number }>(
    'select distinct contact_id from conversations where tenant_id = $1 and id = any($2)',
    [tx.tenantId, resting],
  )
  if (contacts.length === 0) return found
  await lockContacts(
    tx,
    contacts.map((row) => row.contact_id),
  )
  for (const row of await lock(resting, '')) found.set(row.id, row)
  return found
}

/** Recipient and number of each conversation, by conversation id. One statement. */
export async function loadRoutes(
  tx: TenantTx,
  conversationIds: readonly string[],
): Promise<Map<string, Route>> {
  const rows = await tx.query<{
    id: string
    provider: ProviderName
    status: ChannelView['status']
    stopped_reason: string | null
    removed: boolean
    blocked: boolean
    marketing: 'granted' | 'denied' | null
    identities: IdentityView[]
  }>(
    `select c.id, ch.provider, ch.status, ch.stopped_reason, ch.deleted_at is not null as removed, ct.blocked, ct.marketing,
            coalesce((select json_agg(json_build_object('kind', i.kind, 'value', i.value))
                      from contact_identities i where i.tenant_id = ct.tenant_id and i.contact_id = ct.id), '[]') as identities
     from conversations c ${conversationJoins}
     join contacts ct on ct.tenant_id = c.tenant_id and ct.id = c.contact_id
     where c.tenant_id = $1 and c.id = any($2)`,
    [tx.tenantId, conversationIds],
  )
  return new Map(
    rows.map((row) => [
      row.id,
      {
        provider: row.provider,
        channelStatus: row.removed ? 'removed' : row.status,
        stoppedReason: row.stopped_reason,
        blocked: row.blocked,
        marketing: row.marketing,
        identities: row.identities,
      },
    ]),
  )
}

/** For resolved conversations: the other one of the same contact and number that lives, by the resolved one's id. */
export async function findLiveElsewhere(
  tx: TenantTx,
  resolvedIds: readonly string[],
): Promise<Map<string, string>> {
  if (resolvedIds.length === 0) return new Map()
  const rows = await tx.query<{ id: string; live_id: string }>(
    `select r.id, l.id as live_id from conversations r
     join conversations l on l.tenant_id = r.tenant_id and l.channel_id = r.channel_id and l.contact_id = r.contact_id and l.status <> 'resolved'
     where r.tenant_id = $1 and r.id = any($2)`,
    [tx.tenantId, resolvedIds],
  )
  return new Map(rows.map((row) => [row.id, row.live_id]))
}

/** A sender and the key that it gave its message. */
export interface ClientKey {
  readonly authorId: string
  readonly clientMessageId: string
}
export const clientKeyOf = (key: ClientKey) => JSON.stringify([key.authorId, key.clientMessageId])

/** Messages that were queued under these keys already, by clientKeyOf. */
export async function findByClientKeys(
  tx: TenantTx,
  keys: readonly ClientKey[],
): Promise<Map<string, MessageRow>> {
  const rows = await tx.query<MessageRow>(
    `select ${messageColumns} from json_to_recordset($2) as k("authorId" text, "clientMessageId" text)
     join messages m on m.tenant_id = $1 and m.author_id = k."authorId" and m.client_message_id = k."clientMessageId"
     ${messageJoins}`,
    [tx.tenantId, JSON.stringify(keys)],
  )
  return new Map(
    rows.map((row) => [
      clientKeyOf({ authorId: row.author_id ?? '', clientMessageId: row.client_message_id ?? '' }),
      row,
    ]),
  )
}

/** A sender that says up to where it had read. */
export interface Glance {
  readonly place: number
  readonly conversationId: string
  readonly after: number
  readonly authorId: string
}

/** What others wrote after each glance, oldest first, at most `most` each, by `place`. Reactions answer nothing. */
export async function findNewer(
  tx: TenantTx,
  glances: readonly Glance[],
  most: number,
): Promise<Map<number, MessageRow[]>> {
  const found = new Map<number, MessageRow[]>()
  if (glances.length === 0) return found
  const rows = await tx.query<MessageRow & { place: number }>(
    `select n.* from json_to_recordset($2) as g(place integer, "conversationId" uuid, after integer, "authorId" text)
     cross join lateral (
       select g.place, ${messageColumns} from messages m ${messageJoins}
       where m.tenant_id = $1 and m.conversation_id = g."conversationId" and m.seq > g.after
         and m.author_id is distinct from g."authorId" and m.type <> 'reaction'
       order by m.seq limit $3
     ) n order by n.place, n.seq`,
    [tx.tenantId, JSON.stringify(glances), most],
  )
  for (const { place, ...row } of rows) found.set(place, [...(found.get(place) ?? []), row])
  return found
}

/** Files by id; those of other tenants do not exist here. */
export async function findFiles(tx: TenantTx, ids: readonly string[]): Promise<Map<string, FileRow>> {
  if (ids.length === 0) return new Map()
  const rows = await tx.query<FileRow>(
    `select id, direction, state, reason, mime_type, size_bytes, file_name, thumbnail_key is not null as thumbnail, created_by
     from attachments where tenant_id = $1 and id = any($2)`,
    [tx.tenantId, ids],
  )
  return new Map(rows.map((row) => [row.id, row]))
}
export type FileRow = SendableFile & NonNullable<MessageRow['attachment']>
