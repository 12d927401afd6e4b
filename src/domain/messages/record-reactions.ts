import type { TenantTx } from '../../log/tenant-tx.ts'
import type { InboundReaction } from '../../providers/inbound.ts'
import { hearersOf } from '../conversations/present-conversation.ts'
import { type Chat, type FoundPerson, findChats, findPeople, spelled } from './find-people.ts'
import type { MessageRow, StoredReaction } from './message-row.ts'
import type { News } from './message-update.ts'
import { isOurs, looksTheSame, withReaction } from './place-reaction.ts'
import { presentMessage } from './present-message.ts'
import { writeReactions } from './react.ts'

/**
 * Puts reactions on the messages that they are about, one per person (UPD4), and announces those that people see.
 * A deleted message takes none.
 */
export async function recordReactions(tx: TenantTx, news: readonly News<InboundReaction>[]): Promise<void> {
  const open = news.filter(({ message }) => message.deleted_at === null)
  if (open.length === 0) return
  const chats = await findChats(
    tx,
    open.map(({ message }) => message.conversation_id),
  )
  const inGroups = open.filter(({ message }) => chats.get(message.conversation_id)?.isGroup)
  const find = await findPeople(
    tx,
    inGroups.flatMap(({ update }) => update.sender ?? []),
  )
  const changed = new Map<string, MessageRow>()
  for (const { update, message } of open) {
    const chat = chats.get(message.conversation_id)
    if (!chat) continue
    const { key, by, isSame } = authorOf(update, chat, find)
    const before = message.reactions
    const after = withReaction(
      before,
      { emoji: update.emoji ?? '', key, by, at: update.at.toISOString(), ids: [update.providerMessageId] },
      isSame,
    )
    if (after === null) continue
    message.reactions = after
    changed.set(message.id, message)
    if (looksTheSame(before, after)) continue
    tx.record('message.reacted', { message: presentMessage(message) }, hearersOf(message.conversation_id), {
      kind: 'provider',
    })
  }
  await writeReactions(tx, [...changed.values()])
}

interface Author {
  readonly key: string
  readonly by: StoredReaction['by']
  readonly isSame: (other: StoredReaction) => boolean
}

/**
 * In a chat with one person everything that is not ours is theirs, whatever became of their addresses. A participant of a
 * group may be a contact that we know, or not yet, or not any more: each of their addresses stands for them.
 */
function authorOf(
  { direction, chat: named, sender }: InboundReaction,
  chat: Chat,
  find: (person: InboundReaction['chat']) => FoundPerson | undefined,
): Author {
  if (direction === 'out') return { key: 'phone', by: { kind: 'phone' }, isSame: isOurs }
  if (!chat.isGroup) {
    const id = String(chat.contactId)
    const by = { kind: 'contact', id, name: chat.name } as const
    return { key: `contact:${id}`, by, isSame: (other) => !isOurs(other) }
  }
  const person = sender ?? named
  const found = sender && find(sender)
  const addresses = person.identities.map(spelled)
  const keys = new Set(found ? [`contact:${found.id}`, ...addresses] : addresses)
  const name = found?.name ?? person.name
  return {
    key: found ? `contact:${found.id}` : (addresses[0] ?? 'contact'),
    by: { kind: 'contact', ...(found && { id: String(found.id) }), ...(name !== undefined && { name }) },
    isSame: (other) => !isOurs(other) && keys.has(other.key),
  }
}
