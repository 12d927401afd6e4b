import { type ClientState, withEntry, withoutEntry } from './client-state.ts'
import { type ImportView, importStates } from './crm/import.ts'

/**
 * Places an import as an event or a list brought it. Imports have no version and only go forward, so what is less far than what is
 * here changes nothing, and lists may be fetched at any moment beside the events.
 */
export function placeImport(state: ClientState, view: ImportView): ClientState {
  const held = state.imports.get(view.id)
  if (state.gone.has(goneAs(view.id)) || (held !== undefined && isFurther(held, view))) return state
  return { ...state, imports: withEntry(state.imports, view.id, view) }
}

/** Forgets an import that is kept no longer; an old list does not bring it back. */
export function forgetImport(state: ClientState, id: string): ClientState {
  return { ...state, imports: withoutEntry(state.imports, id), gone: withEntry(state.gone, goneAs(id), 1) }
}

const goneAs = (id: string): string => `imports ${id}`

function isFurther(one: ImportView, other: ImportView): boolean {
  if ((one.finishedAt === null) !== (other.finishedAt === null)) return other.finishedAt === null
  if (one.rowsDone !== other.rowsDone) return one.rowsDone > other.rowsDone
  return importStates.indexOf(one.state) > importStates.indexOf(other.state)
}
