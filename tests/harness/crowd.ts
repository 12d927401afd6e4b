import { randomInt } from 'node:crypto'
import type { Entry } from '../../src/auth/entry.ts'
import { openConversations } from '../../src/domain/conversations/open-conversation.ts'
import { lockConversation } from '../../src/domain/conversations/load-conversations.ts'
import { hearersOf, presentPatch } from '../../src/domain/conversations/present-conversation.ts'
import { loadMessages } from '../../src/domain/messages/load-messages.ts'
import { presentMessage } from '../../src/domain/messages/present-message.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import type { Hub } from './hub.ts'

export type SignedIn = Entry & { token: string }

/** A channel on the fake network that nobody plays: enough where nothing is sent. */
export async function buildChannel(hub: Hub): Promise<string> {
  const number = `49${randomInt(1e9, 2e9)}`
  const { id } = await hub.addChannel({
    provider: 'fake',
    settings: { number, baseUrl: 'http://127.0.0.1:9' },
    secrets: { apiKey: 'none' },
    externalId: number,
  })
  return id
}

export async function buildContact(
  hub: Hub,
  { firstName = 'Zoë', lastName = 'Müller', phone = `49171${randomInt(1e6, 1e7)}` } = {},
): Promise<number> {
  return inTenant(hub.deps, hub.tenant.id, async (tx) => {
    const [row] = await tx.query<{ id: number }>(
      'insert into contacts (tenant_id, first_name, last_name, phone) values ($1, $2, $3, $4) returning id',
      [tx.tenantId, firstName, lastName, `+${phone}`],
    )
    const id = row?.id ?? 0
    await tx.query(
      `insert into contact_identities (tenant_id, kind, value, contact_id) values ($1, 'phone', $2, $3)`,
      [tx.tenantId, phone, id],
    )
    return id
  })
}

/** A live conversation of a contact, both made when they are not given. */
export async function buildConversation(
  hub: Hub,
  channelId: string,
  contactId?: number,
): Promise<{ id: string; contactId: number }> {
  const contact = contactId ?? (await buildContact(hub))
  const rows = await inTenant(hub.deps, hub.tenant.id, (tx) =>
    openConversations(tx, { channelId, contactIds: [contact], reopenHours: 0, wake: false }),
  )
  return { id: rows.get(contact)?.id ?? '', contactId: contact }
}

export async function buildTeam(hub: Hub, members: readonly SignedIn[]): Promise<string> {
  const id = uuidv7()
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    await tx.query('insert into teams (tenant_id, id, name) values ($1, $2, $3)', [tx.tenantId, id, id])
    for (const { actor } of members)
      await tx.query('insert into team_members (tenant_id, team_id, user_id) values ($1, $2, $3)', [
        tx.tenantId,
        id,
        actor.id,
      ])
  })
  return id
}

/** A customer writes, as the log shows it: the row, what it changes of the conversation, and the event. */
export async function customerWrites(
  hub: Hub,
  conversationId: string,
  text: string,
  sentAt = new Date(),
): Promise<string> {
  return inTenant(hub.deps, hub.tenant.id, async (tx) => {
    const row = await lockConversation(tx, conversationId)
    const id = uuidv7()
    const seq = row.last_seq + 1
    await tx.query(
      `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, status, sent_at)
       values ($1, $2, $3, $4, $5, 'in', 'contact', 'text', $6, 'received', $7)`,
      [tx.tenantId, id, row.id, row.channel_id, seq, text, sentAt],
    )
    await tx.query(
      `update conversations set last_seq = $3, unread_count = unread_count + 1, last_message_id = $4, last_inbound_at = $5,
         last_activity_at = $5, waiting_since = coalesce(waiting_since, $5), version = version + 1, updated_at = $6
       where tenant_id = $1 and id = $2`,
      [tx.tenantId, row.id, seq, id, sentAt, tx.now],
    )
    const [message] = await loadMessages(tx.query.bind(tx), tx.tenantId, [id])
    const after = await lockConversation(tx, conversationId)
    if (message)
      tx.record(
        'message.received',
        { message: presentMessage(message), conversation: presentPatch(after, tx.now) },
        hearersOf(row.id),
        { kind: 'provider' },
      )
    return id
  })
}

/** The network says that it took a message, without a look at its conversation, as outcomes are written. */
export async function messageSettles(
  hub: Hub,
  messageId: string,
  status: 'sent' | 'delivered' | 'read',
): Promise<void> {
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    const [row] = await tx.query<{ conversation_id: string }>(
      'update messages set status = $3 where tenant_id = $1 and id = $2 returning conversation_id',
      [tx.tenantId, messageId, status],
    )
    if (row)
      tx.record(
        `message.${status}`,
        { messageId, conversationId: row.conversation_id, status, at: tx.now.toISOString() },
        hearersOf(row.conversation_id),
        { kind: 'provider' },
      )
  })
}
