import { contactOf, type Scope } from './scope.ts'
import { type LogAnswer, type LogRow, type Page, pageOf } from './stored-event.ts'

/** An event on its way into the log; `actor` and `payload` are the JSON text that is written. */
export interface Appending {
  readonly type: string
  readonly scope: Scope
  readonly conversationId: string | null
  readonly actor: string
  readonly payload: string
}

/** What append_events() answers, places and contacts when it is to tell (migration 000053). */
export interface Appended {
  readonly epoch: number
  readonly seq: number
  readonly at: string
  readonly places: [id: string, channelId: string, assigneeId: string | null, teamId: string | null][] | null
  readonly contacts: [id: number, channelIds: string[]][] | null
  /** Seconds until it had the tenant's head row; a database of the release before does not say. */
  readonly waited?: number
}

/**
 * What was just committed, as one line of text: the answer that read_log() would have given right then to a reader who
 * lacked just this. Only for commits that happened.
 */
export function newsOf(
  appending: readonly Appending[],
  { epoch, seq, at, places, contacts }: Omit<Appended, 'waited'>,
): string {
  const placeOf = new Map(places?.map(([id, ...place]) => [id, place]))
  const channelsOf = new Map(contacts)
  const before = seq - appending.length
  const rows = appending.map((event, i): LogRow => {
    const [channelId, assigneeId, teamId] = placeOf.get(event.conversationId ?? '') ?? [null, null, null]
    return [
      before + 1 + i,
      event.type,
      at,
      event.scope,
      channelId,
      assigneeId,
      teamId,
      event.actor,
      event.payload,
      channelsOf.get(contactOf(event.scope) ?? 0) ?? null,
    ]
  })
  return JSON.stringify([epoch, seq, rows] satisfies LogAnswer)
}

/** Pages of what a bell took along, oldest first. They are as true as whoever sealed them. */
export function pagesOf(news: readonly string[]): Page[] {
  return news
    .map((line) => pageOf(JSON.parse(line) as LogAnswer))
    .sort((one, other) => one.head.seq - other.head.seq)
}
