import { digitsOf, instantOf, numberIn, present, textIn, type Untrusted } from '../../untrusted.ts'
import type { Part, Reading } from './part.ts'
import { Unreadable } from './part.ts'
import { personOf } from './people.ts'

/**
 * Field `calls`: the call log. Begin and end of a call share an id, so the event is part of ours (`wacid.…:terminate`). The
 * session description is not kept. A call of the user opens the service window like a message; a business-initiated one was
 * placed by another tool of ours.
 */
export function readCall(reading: Reading, part: Part, call: Untrusted): void {
  const callId = textIn(call, 'id')
  const event = textIn(call, 'event')
  if (callId === undefined) throw new Unreadable('a call without an id')
  if (event !== 'connect' && event !== 'terminate') {
    reading.ignored.push(`call event "${event ?? 'missing'}" is not used`)
    return
  }
  const out = isOurs(part, call)
  const chat = personOf(
    part,
    out
      ? { number: call.to, userId: call.to_user_id, parentUserId: call.to_parent_user_id }
      : { number: call.from, userId: call.from_user_id, parentUserId: call.from_parent_user_id },
  )
  if (chat === undefined) throw new Unreadable('a call without the other side')
  const status = textIn(call, 'status')
  const durationSeconds = numberIn(call, 'duration')
  const ended = event === 'terminate'
  reading.items.push({
    kind: 'message',
    at: (ended ? instantOf(call.end_time) : undefined) ?? instantOf(call.timestamp) ?? part.at,
    providerMessageId: `${callId}:${event}`,
    direction: out ? 'out' : 'in',
    origin: out ? 'echo' : 'live',
    chat,
    type: 'call',
    text: lineFor(out, ended, status, durationSeconds),
    payload: {
      callId,
      direction: out ? 'out' : 'in',
      event,
      ...present({ durationSeconds, status: status?.toLowerCase() }),
      ...(part.errors.length > 0 && { errors: part.errors }),
    },
    opensWindow: !out && !ended,
  })
}

function isOurs(part: Part, call: Untrusted): boolean {
  const direction = textIn(call, 'direction')
  if (direction === 'BUSINESS_INITIATED') return true
  if (direction === 'USER_INITIATED') return false
  return part.ourNumber !== undefined && digitsOf(call.from) === part.ourNumber
}

function lineFor(
  out: boolean,
  ended: boolean,
  status: string | undefined,
  durationSeconds: number | undefined,
): string {
  if (!ended) return out ? 'Outgoing call' : 'Incoming call'
  if (durationSeconds !== undefined && durationSeconds > 0) return `Call ended after ${durationSeconds} s`
  if (status?.toUpperCase() === 'FAILED') return 'The call failed'
  return out ? 'The call was not answered' : 'Missed call'
}
