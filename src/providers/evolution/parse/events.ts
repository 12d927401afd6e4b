import { field, inner, textIn, present } from '../../untrusted.ts'
import type { Content, ContentReader } from './content-shape.ts'
import { long, enumName, isTrue } from './dialect.ts'

/** Content that is a happening rather than words: one line in the conversation. */
function line(event: string, text: string, details: Readonly<Record<string, unknown>> = {}): Content {
  return { type: 'system', text, payload: { event, ...present(details) } }
}

/** One-time codes and view-once media, which WhatsApp shows on the phone only. */
export const readPlaceholder: ContentReader = () =>
  line('placeholder', 'WhatsApp does not show this message on linked devices; look at the phone')

export const readEvent: ContentReader = (part) =>
  line('event', textIn(part, 'name') ?? 'Event', {
    name: textIn(part, 'name'),
    description: textIn(part, 'description'),
    startsAt: instant(field(part, 'startTime'), 1000),
    cancelled: isTrue(part, 'isCanceled') || undefined,
  })

export const readScheduledCall: ContentReader = (part) =>
  line('call_scheduled', textIn(part, 'title') ?? 'Scheduled call', {
    startsAt: instant(field(part, 'scheduledTimestampMs'), 1),
  })

export const readPin: ContentReader = (part) => {
  const unpinned = field(part, 'type') === 2 || field(part, 'type') === 'UNPIN_FOR_ALL'
  return unpinned ? line('unpinned', 'Unpinned a message') : line('pinned', 'Pinned a message')
}

export const readNumberRequest: ContentReader = () =>
  line('phone_number_requested', 'Asked for your phone number')

const outcomes = {
  CONNECTED: 0,
  MISSED: 1,
  FAILED: 2,
  REJECTED: 3,
  ACCEPTED_ELSEWHERE: 4,
  ONGOING: 5,
  SILENCED_BY_DND: 6,
  SILENCED_UNKNOWN_CALLER: 7,
}

/** A line of WhatsApp's own call list. */
export const readCallLog: ContentReader = (part, around) => {
  const outcome = enumName(field(part, 'callOutcome'), outcomes) ?? 'CONNECTED'
  const answered = outcome === 'CONNECTED' || outcome === 'ACCEPTED_ELSEWHERE' || outcome === 'ONGOING'
  const video = isTrue(part, 'isVideo')
  const rejected = outcome === 'REJECTED'
  const fromUs = isTrue(inner(around.data, 'key'), 'fromMe')
  return {
    type: 'call',
    text: `${answered ? '' : rejected ? 'Rejected ' : 'Missed '}${video ? 'video call' : 'voice call'}`.replace(
      /^./,
      (c) => c.toUpperCase(),
    ),
    payload: present({
      direction: fromUs ? 'out' : 'in',
      event: answered ? 'terminate' : rejected ? 'reject' : 'timeout',
      durationSeconds: long(field(part, 'durationSecs')),
      video: video || undefined,
      status: outcome.toLowerCase(),
    }),
  }
}

function instant(value: unknown, unitMs: number): string | undefined {
  const ms = (long(value) ?? 0) * unitMs
  return ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString() : undefined
}
