import type { TeamView } from './access.ts'
import type { ChannelView, TemplateView } from './channel.ts'
import type { ConversationView, NoteView } from './conversation.ts'
import type { ImportView } from './crm/import.ts'
import type { SavedViewEntity } from './crm/saved-view.ts'
import type { HeldRecords } from './crm/views.ts'
import type { MessageView } from './message.ts'
import type { Position } from './position.ts'
import type { ContactView, UserView } from './records.ts'

/**
 * What a client holds of a tenant: a snapshot and every event since (SYN2). Immutable: each step makes a new state that
 * shares all that did not change, so a screen can compare by reference.
 */
export interface ClientState {
  /** Everything up to here is in it. */
  readonly position: Position
  readonly conversations: ReadonlyMap<string, ConversationView>
  /** Messages of the conversations whose messages were loaded, in the network's order; by conversation. */
  readonly messages: ReadonlyMap<string, readonly MessageView[]>
  /** Notes of the conversations whose notes were loaded, oldest first; by conversation. */
  readonly notes: ReadonlyMap<string, readonly NoteView[]>
  readonly channels: ReadonlyMap<string, ChannelView>
  /** Those that events told of; a snapshot brings none. */
  readonly templates: ReadonlyMap<string, TemplateView>
  /** Those that events told of; a snapshot brings none. */
  readonly contacts: ReadonlyMap<number, ContactView>
  readonly users: ReadonlyMap<string, UserView>
  readonly teams: ReadonlyMap<string, TeamView>
  /** Records of the CRM: those of lists that were fetched, and those that events told of. */
  readonly records: HeldRecords
  /** The saved view that each list begins with, by entity: the client's own choice. */
  readonly defaultViews: ReadonlyMap<SavedViewEntity, number>
  /** Files that were brought: those of a list that was fetched, and those that events told of. */
  readonly imports: ReadonlyMap<string, ImportView>
  /** Version of each record that was deleted or went out of sight (`customers 7`), so that an old list does not bring it back. */
  readonly gone: ReadonlyMap<string, number>
  /** Conversations that something happened in and that are not here: fetch them and give them to `addConversation`. */
  readonly wanted: ReadonlySet<string>
  /** `seq` of the snapshot that it began with. */
  readonly since: number
  /**
   * `seq` of the newest event in each conversation that had one since then, and of the last about default views, so that an
   * answer that is older is not believed.
   */
  readonly touched: ReadonlyMap<string, number>
}

/** Nothing, as of a position. */
export function emptyState(position: Position = { epoch: 1, seq: 0 }): ClientState {
  return {
    position,
    since: position.seq,
    conversations: new Map(),
    messages: new Map(),
    notes: new Map(),
    channels: new Map(),
    templates: new Map(),
    contacts: new Map(),
    users: new Map(),
    teams: new Map(),
    records: {
      activities: new Map(),
      contacts: new Map(),
      'custom-fields': new Map(),
      customers: new Map(),
      deals: new Map(),
      pipelines: new Map(),
      'pipeline-stages': new Map(),
      notes: new Map(),
      'saved-views': new Map(),
      tags: new Map(),
    },
    defaultViews: new Map(),
    imports: new Map(),
    gone: new Map(),
    wanted: new Set(),
    touched: new Map(),
  }
}

export function withEntry<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  key: Key,
  value: Value,
): ReadonlyMap<Key, Value> {
  return map.get(key) === value ? map : new Map(map).set(key, value)
}

export function withoutEntry<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  if (!map.has(key)) return map
  const rest = new Map(map)
  rest.delete(key)
  return rest
}

export function withItem<Item>(set: ReadonlySet<Item>, item: Item): ReadonlySet<Item> {
  return set.has(item) ? set : new Set(set).add(item)
}

export function withoutItem<Item>(set: ReadonlySet<Item>, item: Item): ReadonlySet<Item> {
  if (!set.has(item)) return set
  const rest = new Set(set)
  rest.delete(item)
  return rest
}
