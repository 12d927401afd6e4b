import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { InboundStatus } from '../../providers/inbound.ts'
import type { ContactOf } from '../contacts/resolve-people.ts'
import type { ConversationRow } from '../conversations/conversation-row.ts'
import { openConversations } from '../conversations/open-conversation.ts'
import { pastConversations } from '../conversations/past-conversations.ts'
import { hearersOf, presentPatch } from '../conversations/present-conversation.ts'
import { insertAttachments, type NewAttachment, newAttachment } from '../media/insert-attachments.ts'
import { fillPlaceholders } from './fill-placeholders.ts'
import { type Arrival, isPlaceholder, isQuiet, sentAt } from './inbound-arrival.ts'
import { insertInbound } from './insert-inbound.ts'
import { findKnown, type KnownMessage, type KnownMessages } from './known-messages.ts'
import type { MessageRow } from './message-row.ts'
import { placeInbound } from './place-inbound.ts'
import { presentMessage } from './present-message.ts'
import { adoptEcho } from './resolve-unknown.ts'

export interface RecordedInbound {
  /** Statuses that repeated messages of our side carried: news about messages that we have. */
  readonly statuses: readonly InboundStatus[]
  /** The network's ids of messages that are known now, and that news may have waited for (`applyParked`). */
  readonly newIds: readonly string[]
}

/**
 * Writes messages that a network delivered: those that are new, each once, into the conversation of their contact, which
 * is opened, opened again or begun. Records `message.received` for each. Files are announced as pending and fetched
 * afterwards. Everybody's contact must be known to `contactOf`, and what we have of what is spoken of is `known` (`findSpokenOf`).
 *
 * Statements do not grow with the number of messages, save one for each message that our side wrote elsewhere.
 * Locks in order: conversations by id, contacts without one, the new rows.
 */
export async function recordInbound(
  tx: TenantTx,
  config: Pick<Config, 'CONVERSATION_REOPEN_HOURS'>,
  channelId: string,
  arrivals: readonly Arrival[],
  { contactOf, known }: { readonly contactOf: ContactOf; readonly known: KnownMessages },
): Promise<RecordedInbound> {
  if (arrivals.length === 0) return { statuses: [], newIds: [] }
  const once = withoutRepeats(arrivals)
  const repeated = once.filter((arrival) => knownOf(known, arrival) !== undefined)
  const fresh = inOrder(once.filter((arrival) => knownOf(known, arrival) === undefined))
  await fillPlaceholders(tx, channelId, repeated, known)
  const conversations = await conversationsOf(tx, config, channelId, fresh, contactOf)
  const others = await withoutOurs(tx, fresh, conversations, contactOf)
  await writeAll(tx, channelId, others, { known, conversations, contactOf })
  return {
    statuses: repeated.flatMap((arrival) => statusOf(arrival, knownOf(known, arrival))),
    newIds: fresh.map(({ message }) => message.providerMessageId).filter((id) => id !== null),
  }
}

/** The messages that we have of those that arrive and of those that they answer. */
export function findSpokenOf(
  tx: TenantTx,
  channelId: string,
  arrivals: readonly Arrival[],
): Promise<KnownMessages> {
  const ids = arrivals.flatMap(({ message }) => [
    message.providerMessageId,
    message.replyTo?.providerMessageId,
  ])
  return findKnown(tx, channelId, ids)
}

function knownOf(known: KnownMessages, { message }: Arrival): KnownMessage | undefined {
  return message.providerMessageId === null ? undefined : known.get(message.providerMessageId)
}

/** One message per id; of a placeholder and its message the message. */
function withoutRepeats(arrivals: readonly Arrival[]): Arrival[] {
  const kept = new Map<string, Arrival>()
  const nameless: Arrival[] = []
  for (const arrival of arrivals) {
    const id = arrival.message.providerMessageId
    const before = id === null ? undefined : kept.get(id)
    if (id === null) nameless.push(arrival)
    else if (before === undefined || isPlaceholder(before.message.payload)) kept.set(id, arrival)
  }
  return [...kept.values(), ...nameless]
}

/** The order of the network's time; messages of the same second stay in the order in which they came. */
function inOrder(arrivals: readonly Arrival[]): Arrival[] {
  return arrivals.toSorted((one, other) => sentAt(one).getTime() - sentAt(other).getTime())
}

async function conversationsOf(
  tx: TenantTx,
  config: Pick<Config, 'CONVERSATION_REOPEN_HOURS'>,
  channelId: string,
  arrivals: readonly Arrival[],
  contactOf: ContactOf,
): Promise<Map<number, ConversationRow>> {
  const reopenHours = config.CONVERSATION_REOPEN_HOURS
  const found = new Map<number, ConversationRow>()
  const missing = (some: readonly Arrival[]) => [
    ...new Set(some.map((arrival) => contactIdOf(arrival, contactOf)).filter((id) => !found.has(id))),
  ]
  const add = (rows: ReadonlyMap<number, ConversationRow>) => {
    for (const [contactId, row] of rows) found.set(contactId, row)
  }
  const loud = arrivals.filter((arrival) => !isQuiet(arrival))
  for (const direction of ['in', 'out'] as const) {
    const contactIds = missing(loud.filter(({ message }) => message.direction === direction))
    const wake = direction === 'in'
    if (contactIds.length > 0) add(await openConversations(tx, { channelId, contactIds, reopenHours, wake }))
  }
  const rest = missing(arrivals.filter(isQuiet))
  if (rest.length > 0) add(await pastConversations(tx, channelId, rest))
  return found
}

function contactIdOf({ message }: Arrival, contactOf: ContactOf): number {
  const id = contactOf(message.chat)
  if (id === undefined) throw new Error('a message of somebody who was not looked up')
  return id
}

/**
 * Leaves out what turns out to be a message of ours whose outcome was not known: it went out, and now has its id.
 */
async function withoutOurs(
  tx: TenantTx,
  arrivals: readonly Arrival[],
  conversations: ReadonlyMap<number, ConversationRow>,
  contactOf: ContactOf,
): Promise<Arrival[]> {
  const others: Arrival[] = []
  for (const arrival of arrivals) {
    const { origin, providerMessageId, type, text } = arrival.message
    const conversation = conversations.get(contactIdOf(arrival, contactOf))
    const adopted =
      origin === 'echo' && providerMessageId !== null && conversation !== undefined
        ? await adoptEcho(tx, {
            conversationId: conversation.id,
            providerMessageId,
            type,
            text,
            at: sentAt(arrival),
          })
        : null
    if (adopted === null) others.push(arrival)
  }
  return others
}

interface Around {
  readonly known: KnownMessages
  readonly conversations: ReadonlyMap<number, ConversationRow>
  readonly contactOf: ContactOf
}

async function writeAll(
  tx: TenantTx,
  channelId: string,
  arrivals: readonly Arrival[],
  { known, conversations, contactOf }: Around,
): Promise<void> {
  if (arrivals.length === 0) return
  const files: NewAttachment[] = []
  const written: { row: MessageRow; raw: unknown }[] = []
  const touched = new Set<ConversationRow>()
  const idOf = new Map([...known].map(([providerId, message]) => [providerId, message.id]))
  for (const arrival of arrivals) {
    const contactId = contactIdOf(arrival, contactOf)
    const conversation = conversations.get(contactId)
    if (!conversation) throw new Error('a contact without the conversation that was just opened')
    const file = arrival.message.media
      ? newAttachment(tx, channelId, arrival.message.media, {
          inboxId: arrival.inboxId,
          providerMessageId: arrival.message.providerMessageId ?? '',
        })
      : null
    if (file) files.push(file)
    const row = rowOf(tx, conversation, arrival, { contactId, contactOf, file, idOf })
    placeInbound(conversation, arrival, row)
    if (row.provider_message_id !== null) idOf.set(row.provider_message_id, row.id)
    written.push({ row, raw: arrival.message.raw })
    touched.add(conversation)
    tx.record(
      'message.received',
      { message: presentMessage(row), conversation: presentPatch(conversation, tx.now) },
      hearersOf(conversation.id),
    )
  }
  await insertAttachments(tx, files)
  insertInbound(tx, written, [...touched])
}

/** The row of a new message; its place comes with `placeInbound`. */
function rowOf(
  tx: TenantTx,
  conversation: ConversationRow,
  arrival: Arrival,
  found: {
    readonly contactId: number
    readonly contactOf: ContactOf
    readonly file: NewAttachment | null
    readonly idOf: ReadonlyMap<string, string>
  },
): MessageRow {
  const { message } = arrival
  const replyTo = message.replyTo?.providerMessageId ?? null
  return {
    id: uuidv7(tx.now.getTime()),
    conversation_id: conversation.id,
    channel_id: conversation.channel_id,
    seq: 0,
    direction: message.direction,
    ...authorOf(arrival, found),
    type: message.type,
    text: message.text,
    payload: message.payload,
    attachment_id: found.file?.id ?? null,
    reply_to_id: replyTo === null ? null : (found.idOf.get(replyTo) ?? null),
    reply_to_provider_id: replyTo,
    reactions: [],
    status: message.direction === 'in' ? 'received' : (message.status ?? 'sent'),
    error: null,
    client_message_id: null,
    provider_message_id: message.providerMessageId,
    sent_at: sentAt(arrival).toISOString(),
    edited_at: null,
    deleted_at: null,
    created_at: tx.now.toISOString(),
    attachment: found.file?.view ?? null,
  }
}

/** In a group the writer, who may be nobody we have a contact of; a line about a happening is nobody's. */
function authorOf(
  { message }: Arrival,
  { contactId, contactOf }: { contactId: number; contactOf: ContactOf },
): Pick<MessageRow, 'author_kind' | 'author_id' | 'author_name'> {
  if (message.direction === 'out') return { author_kind: 'phone', author_id: null, author_name: null }
  if (message.type === 'system' && !message.opensWindow)
    return { author_kind: 'system', author_id: null, author_name: null }
  const { chat, sender } = message
  const id = sender === undefined ? contactId : contactOf(sender)
  return {
    author_kind: 'contact',
    author_id: id === undefined ? null : String(id),
    author_name: (sender ?? chat).name ?? null,
  }
}

function statusOf({ message, receivedAt }: Arrival, known: KnownMessage | undefined): InboundStatus[] {
  const { providerMessageId, status } = message
  if (known?.direction !== 'out' || providerMessageId === null || status === undefined) return []
  return [{ kind: 'status', providerMessageId, status, at: status === 'sent' ? message.at : receivedAt }]
}
