import { type ClientState, withEntry, withItem, withoutEntry, withoutItem } from './client-state.ts'
import type { TeamView } from './access.ts'
import type { ConversationPatch, ConversationView, NoteView } from './conversation.ts'
import type { MessageView } from './message.ts'
import type { ContactView, UserView } from './records.ts'

/** Places a whole conversation, as an event or an answer brought it. */
export function placeConversation(state: ClientState, view: ConversationView): ClientState {
  const held = state.conversations.get(view.id)
  if (held && held.version > view.version) return state
  const conversation = withHeldNames(state, { ...view, lastMessage: newestMessage(state, held, view) })
  return {
    ...state,
    conversations: withEntry(state.conversations, view.id, conversation),
    wanted: withoutItem(state.wanted, view.id),
  }
}

/**
 * A whole conversation shows people and its newest message as they were when its writer looked; facts about these have
 * events of their own, which may be committed between that look and the writer's own commit. So what the log said of
 * them counts more than the picture.
 */
function withHeldNames(state: ClientState, view: ConversationView): ConversationView {
  const contact = state.contacts.get(view.contact.id)
  const user = view.assignee && state.users.get(view.assignee.id)
  const team = view.team && state.teams.get(view.team.id)
  return {
    ...view,
    ...(contact ? contactPart(contact) : {}),
    ...(view.assignee && user ? { assignee: { id: view.assignee.id, name: user.name } } : {}),
    ...(team ? { team: { id: team.id, name: team.name } } : {}),
  }
}

function newestMessage(
  state: ClientState,
  held: ConversationView | undefined,
  view: ConversationView,
): MessageView | null {
  const shown = view.lastMessage
  if (shown === null) return null
  if (held?.lastMessage?.id === shown.id) return held.lastMessage
  return state.messages.get(view.id)?.find((message) => message.id === shown.id) ?? shown
}

/** What a new message changes, when the conversation is here; otherwise it is wanted. */
export function patchConversation(
  state: ClientState,
  patch: ConversationPatch,
  message: MessageView,
): ClientState {
  const held = state.conversations.get(patch.id)
  if (!held) return { ...state, wanted: withItem(state.wanted, patch.id) }
  if (patch.version < held.version) return state
  const { lastMessageId, ...changed } = patch
  const lastMessage = lastMessageId === message.id ? message : held.lastMessage
  const conversation = { ...held, ...changed, lastMessage }
  return { ...state, conversations: withEntry(state.conversations, patch.id, conversation) }
}

/** Forgets a conversation and everything in it. */
export function forgetConversation(state: ClientState, id: string): ClientState {
  return {
    ...state,
    conversations: withoutEntry(state.conversations, id),
    messages: withoutEntry(state.messages, id),
    notes: withoutEntry(state.notes, id),
    wanted: withoutItem(state.wanted, id),
  }
}

/** Changes a message wherever it is held: among loaded messages and as the newest of its conversation. */
export function changeMessage(
  state: ClientState,
  conversationId: string,
  messageId: string,
  change: (message: MessageView) => MessageView,
): ClientState {
  const held = state.conversations.get(conversationId)
  if (!held) return { ...state, wanted: withItem(state.wanted, conversationId) }
  const loaded = state.messages.get(conversationId)
  const at = loaded?.findIndex((message) => message.id === messageId) ?? -1
  const messages =
    loaded && at >= 0
      ? withEntry(
          state.messages,
          conversationId,
          loaded.map((message, place) => (place === at ? change(message) : message)),
        )
      : state.messages
  const conversations =
    held.lastMessage?.id === messageId
      ? withEntry(state.conversations, conversationId, { ...held, lastMessage: change(held.lastMessage) })
      : state.conversations
  return { ...state, messages, conversations }
}

/** Puts messages among the loaded ones of their conversation, each once, in the network's order. */
export function placeMessages(
  state: ClientState,
  conversationId: string,
  given: readonly MessageView[],
): ClientState {
  const all = new Map((state.messages.get(conversationId) ?? []).map((message) => [message.id, message]))
  for (const message of given) all.set(message.id, message)
  const ordered = [...all.values()].sort(inOrder)
  return { ...state, messages: withEntry(state.messages, conversationId, ordered) }
}

function inOrder(one: MessageView, other: MessageView): number {
  return Date.parse(one.sentAt) - Date.parse(other.sentAt) || one.seq - other.seq
}

/** Puts notes among the loaded ones of their conversation; a deleted one goes. */
export function placeNotes(
  state: ClientState,
  conversationId: string,
  given: readonly NoteView[],
): ClientState {
  const all = new Map((state.notes.get(conversationId) ?? []).map((note) => [note.id, note]))
  for (const note of given) {
    if (note.deletedAt === null) all.set(note.id, note)
    else all.delete(note.id)
  }
  const ordered = [...all.values()].sort((one, other) => one.id - other.id)
  return { ...state, notes: withEntry(state.notes, conversationId, ordered) }
}

/** A person as every conversation shows them. */
export function placeContact(state: ClientState, contact: ContactView): ClientState {
  return {
    ...state,
    contacts: withEntry(state.contacts, contact.id, contact),
    conversations: mapWhere(
      state.conversations,
      (conversation) => conversation.contact.id === contact.id,
      (conversation) => ({ ...conversation, ...contactPart(contact) }),
    ),
  }
}

/** A colleague as every conversation shows them. */
export function placeUser(state: ClientState, user: UserView): ClientState {
  return {
    ...state,
    users: withEntry(state.users, user.id, user),
    conversations: mapWhere(
      state.conversations,
      ({ assignee }) => assignee?.id === user.id && assignee.name !== user.name,
      (conversation) => ({ ...conversation, assignee: { id: user.id, name: user.name } }),
    ),
  }
}

/** A team as every conversation shows it. */
export function placeTeam(state: ClientState, team: TeamView): ClientState {
  return {
    ...state,
    teams: withEntry(state.teams, team.id, team),
    conversations: mapWhere(
      state.conversations,
      (conversation) => conversation.team?.id === team.id && conversation.team.name !== team.name,
      (conversation) => ({ ...conversation, team: { id: team.id, name: team.name } }),
    ),
  }
}

function contactPart(contact: ContactView): Pick<ConversationView, 'contact' | 'customerId'> {
  const { id, name, identities, isGroup, blocked, customerId } = contact
  return { contact: { id, name, identities, isGroup, blocked }, customerId }
}

function mapWhere<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  fits: (value: Value) => boolean,
  change: (value: Value) => Value,
): ReadonlyMap<Key, Value> {
  let changed: Map<Key, Value> | undefined
  for (const [key, value] of map) {
    if (!fits(value)) continue
    changed ??= new Map(map)
    changed.set(key, change(value))
  }
  return changed ?? map
}
