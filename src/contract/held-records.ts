import { type ClientState, withEntry, withoutEntry } from './client-state.ts'
import type { HeldRecord, RecordPath } from './crm/views.ts'

/**
 * Places a record as an event or a list brought it; a deleted one goes. Versions decide: what is older than what is here, or
 * than what took it away, changes nothing, so lists may be fetched at any moment beside the events.
 */
export function placeRecord<Path extends RecordPath>(
  state: ClientState,
  path: Path,
  view: HeldRecord<Path>,
): ClientState {
  if (isInConversation(path, view)) return state
  if (view.deletedAt !== null) return forgetRecord(state, path, view.id, view.version)
  const held = state.records[path] as ReadonlyMap<number, HeldRecord<Path>>
  const known = Math.max(held.get(view.id)?.version ?? 0, state.gone.get(`${path} ${view.id}`) ?? 0)
  if (known > view.version || (known === view.version && !held.has(view.id))) return state
  return {
    ...state,
    records: { ...state.records, [path]: withEntry(held, view.id, view) },
    gone: withoutEntry(state.gone, `${path} ${view.id}`),
  }
}

/** Notes of a conversation are held with it (ClientState.notes). */
function isInConversation(path: RecordPath, view: HeldRecord<RecordPath>): boolean {
  return path === 'notes' && 'conversationId' in view && view.conversationId !== null
}

/** Forgets a deal that is out of sight, and what was written about it. */
export function forgetDeal(state: ClientState, id: number, version: number): ClientState {
  const notes = new Map([...state.records.notes].filter(([, note]) => note.dealId !== id))
  return forgetRecord({ ...state, records: { ...state.records, notes } }, 'deals', id, version)
}

/** Forgets a person who is out of sight, and what was written about them. */
export function forgetContact(state: ClientState, id: number, version: number): ClientState {
  const notes = new Map([...state.records.notes].filter(([, note]) => note.contactId !== id))
  const contacts = withoutEntry(state.contacts, id)
  return forgetRecord({ ...state, contacts, records: { ...state.records, notes } }, 'contacts', id, version)
}

/** Forgets a record that was deleted or is out of sight since this version of it. */
export function forgetRecord(state: ClientState, path: RecordPath, id: number, version: number): ClientState {
  const held = state.records[path] as ReadonlyMap<number, { readonly version: number }>
  if ((held.get(id)?.version ?? 0) > version) return state
  return {
    ...state,
    records: { ...state.records, [path]: withoutEntry(held, id) },
    gone: withEntry(state.gone, `${path} ${id}`, version),
  }
}

/** A record that is not here changed: no picture of it from before this version is taken. */
export function refuseBefore(state: ClientState, path: RecordPath, id: number, version: number): ClientState {
  const known = state.gone.get(`${path} ${id}`) ?? 0
  return { ...state, gone: withEntry(state.gone, `${path} ${id}`, Math.max(known, version - 1)) }
}
