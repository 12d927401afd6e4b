import type { ChannelStatus, InboundChannelUpdate } from '../../providers/inbound.ts'
import { isNewer, timeOfNews, withNewer } from './newer-facts.ts'

/** What the network said of a number, and when. */
export interface Told {
  /** Per fact of `health`. */
  readonly facts?: Readonly<Record<string, string>>
  readonly status?: string
  /** When it last said whether the number may send. */
  readonly verdict?: string
  /** The reason that news stopped the number for: only this one is taken back by news. */
  readonly stop?: string
}

/** The part of a channel that news changes. */
export interface NumberState {
  readonly status: ChannelStatus
  readonly stoppedReason: string | null
  readonly health: Readonly<Record<string, unknown>>
  /** When a restriction ends by itself, ISO 8601 (end-restrictions.ts). */
  readonly restrictedUntil: string | null
  readonly told: Told
}

/** Reasons are shown in lists; the network's own words can be long. */
const reasonCharacters = 300

/**
 * The number after one more word of the network (NEWS1, NEWS2). Pure; in whatever order words arrive, each fact, the status
 * and the verdict end as the newest says.
 */
export function hearNews(
  before: NumberState,
  news: InboundChannelUpdate,
  now: Date,
  mostBytes: number,
): NumberState {
  const at = timeOfNews(news.at, now)
  const isStatus = news.status !== undefined && isNewer(at, before.told.status)
  const { values: health, times: facts } = withNewer(
    { values: before.health, times: before.told.facts ?? {} },
    isStatus ? { ...news.health, reason: shown(news.reason) } : news.health,
    at,
    mostBytes,
  )
  const heard = { ...before, health, told: { ...before.told, facts } }
  if (news.status === undefined) return heard
  const { status } = news
  const known = isStatus ? { ...heard, status, told: { ...heard.told, status: at.toISOString() } } : heard
  return judged(known, news, at)
}

/**
 * A number that is shut out, removed or may not even answer stops, with the network's reason. One that works again goes on,
 * unless somebody else stopped it: credentials that were refused (OUT8), or a human, are not answered by "connected".
 */
function judged(state: NumberState, news: InboundChannelUpdate, at: Date): NumberState {
  const isStop = stops(news)
  if (!(isStop || works(news)) || !isNewer(at, state.told.verdict)) return state
  const { stop, ...rest } = state.told
  const told = { ...rest, verdict: at.toISOString() }
  const after = { ...state, restrictedUntil: endOf(news, at) }
  if (state.stoppedReason !== null && state.stoppedReason !== stop)
    return { ...after, told: stop === undefined ? told : { ...told, stop } }
  if (!isStop) return { ...after, stoppedReason: null, told }
  const reason = shown(news.reason) ?? `the network says ${news.status}`
  return { ...after, stoppedReason: reason, told: { ...told, stop: reason } }
}

/** Never before it began: its end is news that must count against its beginning. */
function endOf({ status, until }: InboundChannelUpdate, at: Date): string | null {
  if (status !== 'restricted' || until === undefined) return null
  return (until > at ? until : at).toISOString()
}

function stops({ status, answersOnly }: InboundChannelUpdate): boolean {
  return status === 'blocked' || status === 'removed' || (status === 'restricted' && answersOnly !== true)
}

/** `disconnected` and `connecting` say nothing about it: such a number sends again as soon as it is back. */
function works({ status, answersOnly }: InboundChannelUpdate): boolean {
  return status === 'connected' || (status === 'restricted' && answersOnly === true)
}

const shown = (reason: string | undefined): string | null =>
  reason === undefined ? null : reason.slice(0, reasonCharacters).toWellFormed()
