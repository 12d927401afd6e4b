import { retellContacts } from '../contacts/contact-sight.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { requireAddresses } from '../contacts/require-addresses.ts'
import { type ConversationRow, conversationColumns, conversationJoins } from './conversation-row.ts'
import { viewConversations } from './load-conversations.ts'
import { hearersOf } from './present-conversation.ts'

/** Conversations that are wanted for contacts of one channel. */
export interface WantedConversations {
  readonly channelId: string
  readonly contactIds: readonly number[]
  /**
   * A contact whose newest conversation was resolved less than this many hours ago gets that one back instead of a new
   * one; 0 means never. CONVERSATION_REOPEN_HOURS when a customer writes.
   */
  readonly reopenHours: number
  /** Whether a snoozed conversation wakes: yes when a customer writes, no when one of us does. */
  readonly wake: boolean
  /** Whom a new conversation belongs to from its beginning; nobody when left out. */
  readonly assigneeId?: string
}

type BegunConversations = Pick<WantedConversations, 'channelId' | 'contactIds' | 'assigneeId'> & {
  /** Whether it begins at its end: a place for imported messages that is no work for anybody. */
  readonly resolved?: boolean
}

/**
 * The live conversation of each contact, found, woken, opened again or begun, locked until commit. Records
 * `conversation.opened` and `conversation.status_changed` with the conversation as it is before anything is written in it.
 * Every contact must exist; when one has gone on in another one meanwhile, the transaction begins anew.
 *
 * One statement when all of them have a live conversation; nine at most, however many there are.
 * Locks in order: live conversations by id; then, only for contacts without one, the contacts by id, their resolved
 * conversations, and last the counter of the tenant's conversation numbers. A contact's row is the mutex for "which
 * conversation of it is live": whoever makes one live holds it, so that neither an insert nor an update can meet the
 * unique index of live conversations (CON2).
 */
export async function openConversations(
  tx: TenantTx,
  wanted: WantedConversations,
): Promise<Map<number, ConversationRow>> {
  const found = new Map<number, ConversationRow>()
  const keep = (rows: readonly ConversationRow[]) => {
    for (const row of rows) found.set(row.contact_id, row)
  }
  const missing = () => [...new Set(wanted.contactIds)].filter((id) => !found.has(id))
  keep(await lockLive(tx, wanted.channelId, missing()))
  const changed: ConversationRow[] = []
  if (wanted.wake) changed.push(...(await wakeAll(tx, [...found.values()])))
  let begun: ConversationRow[] = []
  if (missing().length > 0) {
    await lockContacts(tx, missing())
    await requireAddresses(tx, missing())
    // Somebody else may have opened one while we waited for the contact.
    keep(await lockLive(tx, wanted.channelId, missing()))
    if (wanted.reopenHours > 0) changed.push(...(await reopenRecent(tx, wanted, missing())))
    keep(changed)
    begun = await begin(tx, { ...wanted, contactIds: missing() })
    keep(begun)
    // An answer can reopen a resolved conversation without holding its contact; then there is one to be found now.
    keep(await lockLive(tx, wanted.channelId, missing()))
  }
  keep(changed)
  await announce(tx, begun, changed)
  return found
}

/** Holds contacts until commit, in the order of their ids: the right to make a conversation of theirs live. */
export async function lockContacts(tx: TenantTx, ids: readonly number[]): Promise<void> {
  await tx.query(
    'select 1 from contacts where tenant_id = $1 and id = any($2) order by id for no key update',
    [tx.tenantId, ids],
  )
}

function lockLive(
  tx: TenantTx,
  channelId: string,
  contactIds: readonly number[],
): Promise<ConversationRow[]> {
  return tx.gather<ConversationRow>(
    `select c.tenant_id, ${conversationColumns} from conversations c ${conversationJoins}
     where c.id = any (array(
       select o.id from json_to_recordset($1) as w(tenant_id uuid, channel_id uuid, contact_id integer) cross join lateral (
         select l.id from conversations l where l.tenant_id = w.tenant_id and l.channel_id = w.channel_id
           and l.contact_id = w.contact_id and l.status <> 'resolved' limit 1) o)) and c.status <> 'resolved'
     order by c.id for update of c`,
    contactIds.map((contactId) => ({ channel_id: channelId, contact_id: contactId })),
  )
}

async function wakeAll(tx: TenantTx, rows: readonly ConversationRow[]): Promise<ConversationRow[]> {
  const asleep = rows.filter((row) => row.status === 'snoozed').map((row) => row.id)
  return asleep.length === 0 ? [] : makeOpen(tx, asleep)
}

/** The newest resolved conversation of each contact, when it is recent enough, is open again. */
async function reopenRecent(
  tx: TenantTx,
  wanted: WantedConversations,
  contactIds: readonly number[],
): Promise<ConversationRow[]> {
  if (contactIds.length === 0) return []
  const recent = await tx.query<{ id: string }>(
    `select n.id from unnest($3::integer[]) as w(contact_id) cross join lateral (
       select c.id, coalesce(c.resolved_at, c.updated_at) as resolved_at from conversations c
       where c.tenant_id = $1 and c.channel_id = $2 and c.contact_id = w.contact_id and c.status = 'resolved'
       order by coalesce(c.resolved_at, c.updated_at) desc, c.id desc limit 1
     ) n where n.resolved_at > $4::timestamptz - make_interval(hours => $5)`,
    [tx.tenantId, wanted.channelId, contactIds, tx.now, wanted.reopenHours],
  )
  return recent.length === 0
    ? []
    : makeOpen(
        tx,
        recent.map((row) => row.id),
      )
}

function makeOpen(tx: TenantTx, ids: readonly string[]): Promise<ConversationRow[]> {
  return tx.query<ConversationRow>(
    `with c as (
       update conversations set status = 'open', snoozed_until = null, resolved_at = null, version = version + 1, updated_at = $3
       where tenant_id = $1 and id = any($2) returning *)
     select ${conversationColumns} from c ${conversationJoins}`,
    [tx.tenantId, ids, tx.now],
  )
}

/** New conversations of contacts that have none that counts, numbered and not announced yet. The contacts must be locked. */
export async function begin(tx: TenantTx, wanted: BegunConversations): Promise<ConversationRow[]> {
  const { channelId, contactIds, assigneeId = null, resolved = false } = wanted
  if (contactIds.length === 0) return []
  const [counter] = await tx.query<{ last_number: number }>(
    `insert into conversation_counters as n (tenant_id, last_number) values ($1, $2)
     on conflict (tenant_id) do update set last_number = n.last_number + $2 returning last_number`,
    [tx.tenantId, contactIds.length],
  )
  const first = (counter?.last_number ?? 0) - contactIds.length + 1
  return tx.query<ConversationRow>(
    `with c as (
       insert into conversations (tenant_id, id, number, channel_id, contact_id, assignee_id, status, resolved_at,
         last_activity_at, created_at, updated_at)
       select $1, w.id, $5 + w.place - 1, $2, w.contact_id, $6, case when $8 then 'resolved' else 'open' end,
         case when $8 then $7::timestamptz end, $7, $7, $7
       from unnest($3::uuid[], $4::integer[]) with ordinality as w(id, contact_id, place)
       on conflict (tenant_id, channel_id, contact_id) where status <> 'resolved' do nothing
       returning *)
     select ${conversationColumns} from c ${conversationJoins}`,
    [
      tx.tenantId,
      channelId,
      contactIds.map(() => uuidv7(tx.now.getTime())),
      contactIds,
      first,
      assigneeId,
      tx.now,
      resolved,
    ],
  )
}

/** Says what began and what is open again, with the conversations as they are now. */
export async function announce(
  tx: TenantTx,
  begun: readonly ConversationRow[],
  changed: readonly ConversationRow[],
): Promise<void> {
  if (begun.length + changed.length === 0) return
  await retellContacts(
    tx,
    begun.map((row) => row.contact_id),
  )
  const ids = [...begun, ...changed].map((row) => row.id)
  const views = await viewConversations(tx.query.bind(tx), tx.tenantId, ids, tx.now, { lock: true })
  for (const [type, rows] of [
    ['conversation.opened', begun],
    ['conversation.status_changed', changed],
  ] as const) {
    for (const { id } of rows) {
      const conversation = views.get(id)
      if (conversation) tx.record(type, { conversation }, hearersOf(id))
    }
  }
}
