import { type ClientState, emptyState, withEntry, withoutEntry } from './client-state.ts'
import type { ConversationView, NoteView } from './conversation.ts'
import type { ImportView } from './crm/import.ts'
import type { AnyLogEvent } from './events/catalogue.ts'
import {
  changeMessage,
  forgetConversation,
  patchConversation,
  placeContact,
  placeConversation,
  placeMessages,
  placeNotes,
  placeTeam,
  placeUser,
} from './held-conversations.ts'
import type { HeldRecord, RecordPath } from './crm/views.ts'
import { forgetImport, placeImport } from './held-imports.ts'
import { forgetContact, forgetDeal, forgetRecord, placeRecord, refuseBefore } from './held-records.ts'
import type { MessageView } from './message.ts'
import { parsePosition, type Position } from './position.ts'
import type { DefaultViews } from './rest/saved-views.ts'
import type { SyncAnswer } from './rest/sync.ts'

/** The state of a snapshot (GET /api/v1/sync). Fails with a RangeError when its position is none. */
export function fromSnapshot(sync: SyncAnswer): ClientState {
  return {
    ...emptyState(positionOf(sync.position)),
    conversations: new Map(sync.conversations.map((conversation) => [conversation.id, conversation])),
    channels: new Map(sync.channels.map((channel) => [channel.id, channel])),
    users: new Map(sync.users.map((user) => [user.id, user])),
    teams: new Map(sync.teams.map((team) => [team.id, team])),
  }
}

/**
 * The state after one more event, in the order of the log. An event that is in it already (its `seq` is not beyond the
 * position) changes nothing, so a replay may overlap. A type that this version does not know only moves the position.
 * An event of another epoch must not get here: the server says `reset` first.
 */
export function applyEvent(state: ClientState, event: AnyLogEvent): ClientState {
  if (event.epoch !== state.position.epoch || event.seq <= state.position.seq) return state
  const next = take(state, event)
  const touched = event.type === 'default_view.changed' ? ofDefaultViews : conversationOf(event)
  return {
    ...next,
    position: { epoch: event.epoch, seq: event.seq },
    touched: touched === null ? next.touched : withEntry(next.touched, touched, event.seq),
  }
}

/** The state at a watermark (`position`, `caught-up`, or that of a page of events): what lies before it was not for us. */
export function moveTo(state: ClientState, position: Position): ClientState {
  return position.epoch === state.position.epoch && position.seq > state.position.seq
    ? { ...state, position }
    : state
}

/**
 * The state with a conversation that was fetched, as it was at `position`. The very same state when something happened in
 * it since: fetch it again.
 */
export function addConversation(state: ClientState, view: ConversationView, position: string): ClientState {
  return isCurrent(state, view.id, position) ? placeConversation(state, view) : state
}

/** The state with a page of messages that was fetched; the very same state when it is too old: fetch it again. */
export function addMessages(
  state: ClientState,
  conversationId: string,
  page: { readonly data: readonly MessageView[]; readonly position: string },
): ClientState {
  return isCurrent(state, conversationId, page.position)
    ? placeMessages(state, conversationId, page.data)
    : state
}

/** The state with a page of notes that was fetched; the very same state when it is too old: fetch it again. */
export function addNotes(
  state: ClientState,
  conversationId: string,
  page: { readonly data: readonly NoteView[]; readonly position: string },
): ClientState {
  return isCurrent(state, conversationId, page.position)
    ? placeNotes(state, conversationId, page.data)
    : state
}

/** The state with a page of records that was fetched; what events have told since counts more. */
export function addRecords<Path extends RecordPath>(
  state: ClientState,
  path: Path,
  views: readonly HeldRecord<Path>[],
): ClientState {
  return views.reduce((next, view) => placeRecord(next, path, view), state)
}

/** The state with a page of imports that was fetched; what events have told since counts more. */
export function addImports(state: ClientState, views: readonly ImportView[]): ClientState {
  return views.reduce(placeImport, state)
}

/** Among what was touched, beside the ids of conversations. */
const ofDefaultViews = 'default views'

/** The state with the default views that were fetched; the very same state when they are too old: fetch them again. */
export function addDefaultViews(state: ClientState, answer: DefaultViews): ClientState {
  if (!isCurrent(state, ofDefaultViews, answer.position)) return state
  return { ...state, defaultViews: new Map(answer.data.map(({ entity, viewId }) => [entity, viewId])) }
}

function isCurrent(state: ClientState, conversationId: string, position: string): boolean {
  const { epoch, seq } = positionOf(position)
  return epoch === state.position.epoch && seq >= (state.touched.get(conversationId) ?? state.since)
}

function positionOf(text: string): Position {
  const position = parsePosition(text)
  if (!position) throw new RangeError(`not a position: ${text}`)
  return position
}

function take(state: ClientState, event: AnyLogEvent): ClientState {
  switch (event.type) {
    case 'conversation.opened':
    case 'conversation.updated':
    case 'conversation.assigned':
    case 'conversation.status_changed':
    case 'conversation.snoozed':
    case 'conversation.labelled':
      return placeConversation(state, event.data.conversation)
    case 'conversation.hidden':
      return forgetConversation(state, event.data.conversationId)
    case 'message.received':
    case 'message.queued': {
      const { message, conversation } = event.data
      const patched = patchConversation(state, conversation, message)
      return patched.messages.has(message.conversationId)
        ? placeMessages(patched, message.conversationId, [message])
        : patched
    }
    case 'message.sent':
    case 'message.delivered':
    case 'message.read':
    case 'message.failed':
    case 'message.unknown': {
      const { conversationId, messageId, status, providerMessageId } = event.data
      const error = 'error' in event.data ? { error: event.data.error } : {}
      return changeMessage(state, conversationId, messageId, ({ error: _former, ...message }) => ({
        ...message,
        ...error,
        ...(providerMessageId === undefined ? {} : { providerMessageId }),
        status,
      }))
    }
    case 'message.edited':
    case 'message.deleted':
    case 'message.reacted':
    case 'message.media_stored':
    case 'message.media_failed':
    case 'message.media_awaited': {
      const { message } = event.data
      return changeMessage(state, message.conversationId, message.id, () => message)
    }
    case 'note.added':
    case 'note.edited':
    case 'note.deleted':
    case 'note.restored': {
      const { note } = event.data
      if (note.conversationId === null) return placeRecord(state, 'notes', note)
      return state.notes.has(note.conversationId) ? placeNotes(state, note.conversationId, [note]) : state
    }
    case 'note.hidden':
      return forgetRecord(state, 'notes', event.data.noteId, event.data.version)
    case 'contact.created':
    case 'contact.updated':
    case 'contact.deleted':
    case 'contact.restored':
      return placeRecord(placeContact(state, event.data.contact), 'contacts', event.data.contact)
    case 'contact.hidden':
      return forgetContact(state, event.data.contactId, event.data.version)
    case 'consent.changed': {
      const { contactId, granted, version } = event.data
      const held = state.records.contacts.get(contactId) ?? state.contacts.get(contactId)
      // A list that was read before it and comes after it must not undo it.
      if (!held) return version === undefined ? state : refuseBefore(state, 'contacts', contactId, version)
      const marketing = granted ? ('granted' as const) : ('denied' as const)
      const contact = { ...held, marketing, version: version ?? held.version }
      return held.version > contact.version
        ? state
        : placeRecord(placeContact(state, contact), 'contacts', contact)
    }
    case 'channel.created':
    case 'channel.updated':
      return { ...state, channels: withEntry(state.channels, event.data.channel.id, event.data.channel) }
    case 'channel.removed':
      return { ...state, channels: withoutEntry(state.channels, event.data.channelId) }
    case 'template.updated':
      return { ...state, templates: withEntry(state.templates, event.data.template.id, event.data.template) }
    case 'user.joined':
    case 'user.updated':
    case 'user.disabled':
      return placeUser(state, event.data.user)
    case 'team.created':
    case 'team.updated':
      return placeTeam(state, event.data.team)
    case 'team.deleted':
      return { ...state, teams: withoutEntry(state.teams, event.data.team.id) }
    case 'key.created':
    case 'key.revoked':
      // Nothing that is held: keys are listed where they are managed.
      return state
    case 'import.created':
    case 'import.progressed':
    case 'import.finished':
      return placeImport(state, event.data.import)
    case 'import.deleted':
      return forgetImport(state, event.data.importId)
    case 'user.signed_out':
      // Nothing that is held; the socket ends.
      return state
    case 'tenant.updated':
      // Nothing that is held; whoever is shut out hears it from the door.
      return state
    case 'customer.created':
    case 'customer.updated':
    case 'customer.deleted':
    case 'customer.restored':
      return placeRecord(state, 'customers', event.data.customer)
    case 'custom_field.created':
    case 'custom_field.updated':
    case 'custom_field.deleted':
    case 'custom_field.restored':
      return placeRecord(state, 'custom-fields', event.data.custom_field)
    case 'tag.created':
    case 'tag.updated':
    case 'tag.deleted':
    case 'tag.restored':
      return placeRecord(state, 'tags', event.data.tag)
    case 'pipeline.created':
    case 'pipeline.updated':
    case 'pipeline.deleted':
    case 'pipeline.restored':
      return placeRecord(state, 'pipelines', event.data.pipeline)
    case 'pipeline_stage.created':
    case 'pipeline_stage.updated':
    case 'pipeline_stage.deleted':
    case 'pipeline_stage.restored':
      return placeRecord(state, 'pipeline-stages', event.data.pipeline_stage)
    case 'deal.created':
    case 'deal.updated':
    case 'deal.moved':
    case 'deal.won':
    case 'deal.lost':
    case 'deal.deleted':
    case 'deal.restored':
      return placeRecord(state, 'deals', event.data.deal)
    case 'saved_view.created':
    case 'saved_view.updated':
    case 'saved_view.deleted':
    case 'saved_view.restored':
      return placeRecord(state, 'saved-views', event.data.saved_view)
    case 'saved_view.hidden':
      return forgetRecord(state, 'saved-views', event.data.savedViewId, event.data.version)
    case 'default_view.changed': {
      const { entity, viewId } = event.data
      const { defaultViews } = state
      return {
        ...state,
        defaultViews:
          viewId === null ? withoutEntry(defaultViews, entity) : withEntry(defaultViews, entity, viewId),
      }
    }
    case 'deal.hidden':
      return forgetDeal(state, event.data.dealId, event.data.version)
    case 'activity.created':
    case 'activity.updated':
    case 'activity.completed':
    case 'activity.reminded':
    case 'activity.deleted':
    case 'activity.restored':
      return placeRecord(state, 'activities', event.data.activity)
    case 'activity.hidden':
      return forgetRecord(state, 'activities', event.data.activityId, event.data.version)
    default:
      return unknown(state, event)
  }
}

/** Never called with a type of the catalogue, or this does not compile; a newer server may know more. */
function unknown(state: ClientState, _event: never): ClientState {
  return state
}

function conversationOf({ data }: AnyLogEvent): string | null {
  if ('conversation' in data) return data.conversation.id
  if ('conversationId' in data) return data.conversationId
  if ('message' in data) return data.message.conversationId
  return 'note' in data ? data.note.conversationId : null
}
