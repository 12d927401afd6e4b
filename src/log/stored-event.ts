import type { Position } from '../contract/position.ts'
import type { ContactPlace, ConversationPlace, Scope } from './scope.ts'

/** An event as the log holds it. `actor` and `payload` are JSON text, just as they were written. */
export interface StoredEvent {
  readonly epoch: number
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly scope: Scope
  /** Where its conversation or contact is now, for events that hang on one; null when it is gone. */
  readonly place: ConversationPlace | ContactPlace | null
  readonly actor: string
  readonly payload: string
}

export interface Page {
  readonly head: Position
  readonly events: readonly StoredEvent[]
}

/** What read_log() answers with (migration 000038): the head, then the events with the places of their conversations. */
export type LogAnswer = [epoch: number, seq: number, events: LogRow[]]
export type LogRow = [
  seq: number,
  type: string,
  at: string,
  scope: Scope,
  channelId: string | null,
  assigneeId: string | null,
  teamId: string | null,
  actor: string,
  payload: string,
  /** Numbers of the contact that the scope names; null when it names none. */
  channelIds: string[] | null,
]

export function pageOf([epoch, seq, rows]: LogAnswer): Page {
  return { head: { epoch, seq }, events: rows.map((row) => present(epoch, row)) }
}

function present(epoch: number, row: LogRow): StoredEvent {
  const [seq, type, at, scope, channelId, assigneeId, teamId, actor, payload, channelIds] = row
  const ofContact = channelIds ? { channelIds } : null
  const place = channelId === null ? ofContact : { channelId, assigneeId, teamId }
  return { epoch, seq, type, at, scope, place, actor, payload }
}

/** The event as clients get it (LogEvent), encoded once for all of them. */
export function encodeEvent(event: StoredEvent): string {
  return `{"seq":${event.seq},"epoch":${event.epoch},"type":"${event.type}","at":"${event.at}","actor":${event.actor},"data":${event.payload}}`
}
